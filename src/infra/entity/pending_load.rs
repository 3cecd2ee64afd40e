//! Pending bulk loads: while there is a row, the database is being filled from another one and is incomplete.

use sea_orm::entity::prelude::*;

/// A bulk load that has been started and not completed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unfinished")]
pub struct Model {
    /// Always 1: a database is filled once.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The source, for display.
    pub origin: String,
    /// Start time.
    pub began_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
