//! Whether the database is being filled from another one. While it has a row, what is there is not complete.

use sea_orm::entity::prelude::*;

/// A filling that has begun and not ended.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unfinished")]
pub struct Model {
    /// Always 1: a database is filled once.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// From where, for people.
    pub origin: String,
    /// Since when.
    pub began_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
