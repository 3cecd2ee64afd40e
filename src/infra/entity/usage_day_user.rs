//! Daily usage statistics by user, for past days.

use crate::core::ids::UserId;
use sea_orm::entity::prelude::*;

/// The chats of one user that began on one day, aggregated once after the end of the day.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day_user")]
pub struct Model {
    /// The day in UTC, as `2026-03-01`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// The user, who may have been deleted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The number of chats.
    pub messages: i64,
    /// Their cost in prepaid tokens.
    pub tokens: i64,
}

impl ActiveModelBehavior for ActiveModel {}
