//! The audit trail: actions of operators. Rows are only added; retention deletes old ones, and the names of deleted
//! users.

use crate::core::ids::{AuditEventId, UserId};
use sea_orm::entity::prelude::*;

/// An audited action of an operator.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    /// Primary key; increases over time.
    #[sea_orm(primary_key)]
    pub id: AuditEventId,
    /// The operator; `None` for the command line.
    pub actor_id: Option<UserId>,
    /// The operator's name at that time; `(command line)` for the command line.
    pub actor_name: String,
    /// The action: `user.create`, `balance.adjust`, ..
    pub action: String,
    /// The type of the target: `user`, `chat`.
    pub target_type: String,
    /// The id of the target, which may have been deleted.
    pub target_id: i64,
    /// The owner of the target, if the target is not a user.
    pub owner_id: Option<UserId>,
    /// The name of the target at that time.
    pub target_name: String,
    /// The changes as a JSON object. No secrets.
    pub details: String,
    /// Time of the action.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
