//! What each user used on a day that is over.

use sea_orm::entity::prelude::*;

/// The chats of one user that began on one day, counted once when the day was over.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day_user")]
pub struct Model {
    /// The day in UTC, as `2026-03-01`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// The user, who may be gone.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// Chats.
    pub messages: i64,
    /// What they cost.
    pub tokens: i64,
}

impl ActiveModelBehavior for ActiveModel {}
