//! Adjusting the balance of a group.

use serde_json::json;

use super::manage::{lock_group, record};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::GroupId;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin;
use crate::domain::audit::Action;
use crate::domain::ledger::{self, Applied, Balance, Entry, Erasable};
use crate::infra::entity::ledger_entry::Reason;

/// An adjustment of a group's balance.
#[derive(Clone, Debug)]
pub struct GroupAdjustment {
    /// The group.
    pub group_id: GroupId,
    /// The amount: positive for a credit, negative for a debit.
    pub amount: Tokens,
    /// The operator's reason.
    pub reason: String,
    /// Idempotency key.
    pub idempotency_key: Option<String>,
}

/// Adjusts the balance of a group, and returns it. The limit of what a staff member grants per day counts it.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a group; INVALID_INPUT if the balance would become negative or
/// too large, or the reason is missing; RATE_LIMITED if it exceeds the staff member's limit of today; CONFLICT if the
/// idempotency key was used for a different adjustment.
pub async fn adjust(app: &App, actor: Actor, input: GroupAdjustment) -> Result<Balance, Error> {
    actor.require_operator()?;
    let reason = admin::checked_reason(&input.reason)?.to_owned();
    ledger::check_idempotency_key(input.idempotency_key.as_deref())?;
    let erasable = Erasable::new(&app.random, Some(reason.clone()), input.idempotency_key);
    let (group_id, amount, limit) = (input.group_id, input.amount, admin::staff_limit(app));
    let adjusted =
        app.db.write((actor, reason, erasable, app.clock.now()), move |txn, (actor, reason, erasable, at)| {
            Box::pin(async move {
                let actor = admin::lock_actor(txn, *actor).await?;
                let group = lock_group(txn, group_id).await?;
                let entry = Entry {
                    actor_id: actor.id(),
                    erasable: erasable.clone(),
                    ..Entry::new(group_id, amount, Reason::Adjustment, *at)
                };
                let Applied { balance, is_new } = ledger::post_entry(txn, entry).await?;
                if is_new {
                    admin::keep_staff_limit(txn, actor, amount, limit, *at).await?;
                    let details = json!({ "amount": amount, "tokens": balance.tokens, "reason": reason });
                    record(txn, &actor, Action::GroupAdjust, &group, details, *at).await?;
                }
                Ok(balance)
            })
        });
    adjusted.await
}
