//! Versions of prices. Immutable: a change of a price is a new row, so that a chat shows the price that was paid.

use sea_orm::entity::prelude::*;

use crate::core::ids::{PriceId, UserId};
use crate::core::price::Price;

/// A version of the price of a model.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price")]
pub struct Model {
    /// Primary key; newer versions have larger ids.
    #[sea_orm(primary_key)]
    pub id: PriceId,
    /// The name of the model.
    pub model: String,
    /// The number of the version among those of the model, from 1.
    pub version: i64,
    /// Prepaid tokens for each answered message.
    pub per_message: i64,
    /// Prepaid tokens per million model tokens of input.
    pub input: i64,
    /// The same for input that the provider reads from its prompt cache.
    pub cache_read: i64,
    /// The same for input that the provider writes to its prompt cache.
    pub cache_write: i64,
    /// Prepaid tokens per million model tokens of output.
    pub output: i64,
    /// The same for reasoning.
    pub reasoning: i64,
    /// Prepaid tokens for each image in the input.
    pub per_image: i64,
    /// When a server first had this price.
    pub created_at: DateTimeUtc,
    /// The user who set it; `None` for the configuration file and the command line.
    pub changed_by_id: Option<UserId>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Returns the price.
    pub fn price(&self) -> Price {
        let &Self { per_message, input, cache_read, cache_write, output, reasoning, per_image, .. } = self;
        Price { per_message, input, cache_read, cache_write, output, reasoning, per_image }
    }
}
