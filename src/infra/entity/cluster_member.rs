//! Servers: those that use the database now, so that they know of each other.

use sea_orm::entity::prelude::*;

/// One server, from its start to its end.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server")]
pub struct Model {
    /// A name that no other one has.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it began to serve.
    pub started_at: DateTimeUtc,
    /// Its last sign of life.
    pub seen_at: DateTimeUtc,
    /// Of the program.
    pub version: String,
    /// Where it listens.
    pub address: String,
}

impl ActiveModelBehavior for ActiveModel {}
