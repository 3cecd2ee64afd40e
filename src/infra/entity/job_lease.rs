//! Job leases: background jobs that one server runs for all.

use sea_orm::entity::prelude::*;

/// A background job and the run that holds its lease.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// The name of the job: `retention`, `checkpoint`, `webhooks`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The random id of the run that holds the lease.
    pub holder: Option<String>,
    /// When the lease expires without a heartbeat of that run.
    pub claimed_until: Option<DateTimeUtc>,
    /// Time of the last completed run.
    pub last_run_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
