//! Daily usage statistics by model, for past days.

use sea_orm::entity::prelude::*;

/// The chats that began on one day, aggregated once after the end of the day.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day")]
pub struct Model {
    /// The day in UTC, as `2026-03-01`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// The model; empty for the total of all models.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// The number of chats.
    pub messages: i64,
    /// Their cost in prepaid tokens.
    pub tokens: i64,
    /// The number of distinct users.
    pub active_users: i64,
    /// The number of failed or interrupted chats.
    pub failures: i64,
}

impl ActiveModelBehavior for ActiveModel {}
