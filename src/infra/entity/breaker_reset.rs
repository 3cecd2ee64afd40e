//! Resets of circuit breakers of the last hour. Breakers are in the memory of each server, which applies them.

use sea_orm::entity::prelude::*;

use crate::core::ids::ProviderId;

/// A reset: the breakers of the routes of a model, of a provider, or of the routes of a model to a provider.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "breaker_reset")]
pub struct Model {
    /// Primary key: the epoch of the catalog that the reset began.
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: i64,
    /// The name of the model; null for all.
    pub model: Option<String>,
    /// The provider; null for all of the model. Not a foreign key: it may be removed meanwhile.
    pub provider_id: Option<ProviderId>,
    /// When it was made.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
