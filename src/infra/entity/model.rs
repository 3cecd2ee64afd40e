//! Models that operators have added at run time.

use sea_orm::entity::prelude::*;

use crate::core::ids::{ModelId, PriceId};

/// A model.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: ModelId,
    /// The unique name, which clients choose.
    #[sea_orm(unique)]
    pub name: String,
    /// The title that people see.
    pub title: Option<String>,
    /// What the model is good for.
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// The context window in model tokens.
    pub context_window: i64,
    /// The maximum output in model tokens.
    pub max_output: i64,
    /// The maximum number of concurrent messages; 0 for no limit.
    pub max_concurrent: i64,
    /// Whether it reads images.
    pub images: bool,
    /// Whether it calls tools.
    pub tools: bool,
    /// Whether it reasons before it answers.
    pub reasoning: bool,
    /// Whether it can be used.
    pub enabled: bool,
    /// The current version of its price.
    pub price_id: PriceId,
    /// When it was added.
    pub created_at: DateTimeUtc,
    /// When it was last changed, its routes and its price included.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
