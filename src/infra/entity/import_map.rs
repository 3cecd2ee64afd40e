//! What came from other systems: a second import of the same finds it here, also where the row itself is gone.

use sea_orm::entity::prelude::*;

/// One row that came from another system.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported")]
pub struct Model {
    /// Which system, as the import names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// The table here: `user` or `chat`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// Its id there.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source_id: i64,
    /// Its id here. The row may be gone.
    pub id: i64,
}

impl ActiveModelBehavior for ActiveModel {}
