//! Daily usage statistics by model, for past days.

use sea_orm::entity::prelude::*;

use crate::core::usage::Usage;

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
    /// Their input in model tokens; `None` for days that an earlier version has counted.
    pub input_units: Option<i64>,
    /// Of the input, what was read from a provider's prompt cache.
    pub cache_read_units: Option<i64>,
    /// Of the input, what was written to a provider's prompt cache.
    pub cache_write_units: Option<i64>,
    /// Their output in model tokens.
    pub output_units: Option<i64>,
    /// Of the output, the reasoning.
    pub reasoning_units: Option<i64>,
    /// Images in the input; `None` for days that were counted before images were.
    pub images: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Returns the model tokens by class; `None` for a day that is not over, and for one that an earlier version has
    /// counted.
    pub fn usage(&self) -> Option<Usage> {
        let count = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok());
        Some(Usage {
            input: count(self.input_units)?,
            cache_read: count(self.cache_read_units)?,
            cache_write: count(self.cache_write_units)?,
            output: count(self.output_units)?,
            reasoning: count(self.reasoning_units)?,
            images: count(self.images).unwrap_or_default(),
        })
    }
}
