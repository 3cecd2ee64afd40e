//! The import map: ids of rows imported from other systems, so that a repeated import finds duplicates, even of deleted
//! rows.

use sea_orm::entity::prelude::*;

/// The ids of an imported row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported")]
pub struct Model {
    /// The name of the source system.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// The table of the row: `user` or `chat`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The id in the source system.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source_id: i64,
    /// The local id. The row may have been deleted.
    pub id: i64,
}

impl ActiveModelBehavior for ActiveModel {}
