//! The epoch of the catalog: a single row, whose number grows with each change of a provider, a model or a price. It also
//! has the default model.

use sea_orm::entity::prelude::*;

/// The id of the row.
pub const ROW: i64 = 1;

/// The epoch.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "catalog_epoch")]
pub struct Model {
    /// Primary key, always [`ROW`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The number of changes.
    pub epoch: i64,
    /// The name of the model of messages that name none; `None` for that of the configuration. Not a foreign key: it may be
    /// a model of the configuration file.
    pub default_model: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
