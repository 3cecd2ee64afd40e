//! The audited actions of operators on users' keys.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::core::error::Error;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::api_key::Model;

/// Records an operator's action on a user's key, after checking that the operator may manage the user.
pub(super) async fn record(
    txn: &Txn,
    operator: Option<Actor>,
    key: &Model,
    action: Action,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(actor) = operator else { return Ok(()) };
    let owner = ledger::find_for_update(txn, key.user_id).await?;
    actor.require_can_manage(owner.is_operator())?;
    let details = json!({ "user": owner.username, "name": key.name, "scopes": key.scopes.to_string() });
    audit::record(
        txn,
        &actor,
        AuditRecord { action, target: ("api_key", key.id.0, &key.prefix), owner_id: Some(owner.id), details, at },
    )
    .await
}
