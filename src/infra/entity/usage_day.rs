//! What was used on a day that is over, by model.

use sea_orm::entity::prelude::*;

/// The chats that began on one day, counted once when the day was over.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day")]
pub struct Model {
    /// The day in UTC, as `2026-03-01`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// The model; empty for all together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// Chats.
    pub messages: i64,
    /// What they cost.
    pub tokens: i64,
    /// Whose they were.
    pub active_users: i64,
    /// Those that failed or were interrupted.
    pub failures: i64,
}

impl ActiveModelBehavior for ActiveModel {}
