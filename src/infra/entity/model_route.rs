//! The routes of a model: the providers that answer for it.

use sea_orm::entity::prelude::*;

use crate::core::ids::{ModelId, ProviderId};

/// A route.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model_route")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The model.
    pub model_id: ModelId,
    /// The provider.
    pub provider_id: ProviderId,
    /// The provider's name of the model.
    pub upstream_model: String,
    /// The order: routes with a smaller number are tried first.
    pub position: i64,
    /// The share of the requests among routes with the same order.
    pub weight: i64,
}

impl ActiveModelBehavior for ActiveModel {}
