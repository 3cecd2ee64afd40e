//! Work that one of the servers does for all.

use sea_orm::entity::prelude::*;

/// A kind of work, and who is at it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// What it is: `retention`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// A random name of the run that has it.
    pub holder: Option<String>,
    /// When that run counts as dead unless it gives a sign of life.
    pub claimed_until: Option<DateTimeUtc>,
    /// When it was last done to the end.
    pub last_run_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
