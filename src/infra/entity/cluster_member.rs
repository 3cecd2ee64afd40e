//! Cluster members: the servers that use the database now.

use sea_orm::entity::prelude::*;

/// A server, from its start to its shutdown.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server")]
pub struct Model {
    /// The unique name of the server.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Start time.
    pub started_at: DateTimeUtc,
    /// Time of the last heartbeat.
    pub seen_at: DateTimeUtc,
    /// The version of Jeton.
    pub version: String,
    /// The listen address.
    pub address: String,
}

impl ActiveModelBehavior for ActiveModel {}
