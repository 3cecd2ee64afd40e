//! Activation and deactivation of many users.

use chrono::{DateTime, Utc};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use serde_json::json;

use super::super::filter::UserFilter;
use super::super::lock::lock_targets;
use super::BATCH;
use super::begin::{Begin, begin};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Staff};
use crate::domain::account::sessions::{announce_sessions, end_sessions};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::db::Txn;
use crate::infra::entity::user;

/// The activation or deactivation of all users who match a filter.
#[derive(Clone, Debug)]
pub struct SetActive {
    /// The users.
    pub filter: UserFilter,
    /// The number of users who match, as the operator confirmed it.
    pub expected: u64,
    /// Whether they may log in.
    pub active: bool,
    /// Idempotency key.
    pub idempotency_key: Option<String>,
}

/// What an activation or deactivation of many users did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivationResult {
    /// The users who were changed; those who already were as requested are not among them.
    pub changed: Vec<UserId>,
    /// The number of operators, who were skipped.
    pub operators: u64,
}

/// Activates or deactivates all users who match, and records each change in the audit trail. Deactivating ends all
/// sessions of a user.
///
/// # Errors
/// INVALID_INPUT for an invalid filter or too many users; CONFLICT if another number of users matches than was
/// confirmed, or the idempotency key was used for another change. Where later batches fail, earlier ones stay.
pub async fn set_active(app: &App, staff: Staff, input: SetActive) -> Result<ActivationResult, Error> {
    let SetActive { filter, expected, active, idempotency_key } = input;
    let request = format!("set active {active} {expected} {filter:?}");
    let confirmed =
        begin(app, Begin { staff, filter, expected, idempotency_key, request, grant: Tokens::ZERO }).await?;
    let mut done = ActivationResult::default();
    for ids in confirmed.user_ids.chunks(BATCH) {
        let written = app.db.write((staff, ids.to_vec(), active, app.clock.now()), |txn, (staff, ids, active, at)| {
            Box::pin(change_batch(txn, *staff, ids, *active, *at))
        });
        let written = written.await?;
        written.changed.iter().for_each(|id| announce_sessions(app, *id));
        done.changed.extend(written.changed);
        done.operators += written.operators;
    }
    Ok(done)
}

async fn change_batch(
    txn: &Txn,
    staff: Staff,
    ids: &[UserId],
    active: bool,
    at: DateTime<Utc>,
) -> Result<ActivationResult, Error> {
    let (actor, users) = lock_targets(txn, Actor::from(staff), ids).await?;
    let mut done = ActivationResult::default();
    for user in users {
        if user.is_operator() {
            done.operators += 1;
            continue;
        }
        if user.is_active == active {
            continue;
        }
        if !active {
            end_sessions(txn, user.id).await?;
        }
        let row = user::ActiveModel { id: Set(user.id), is_active: Set(active), ..Default::default() };
        row.update(txn).await?;
        let details = json!({ "active": audit::change(user.is_active, active), "bulk": true });
        let target = ("user", user.id.0, user.username.as_str());
        let record = AuditRecord { action: Action::UserUpdate, target, owner_id: None, details, at };
        audit::record(txn, &actor, record).await?;
        done.changed.push(user.id);
    }
    Ok(done)
}
