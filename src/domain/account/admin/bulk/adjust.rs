//! Adjustment of the balances of many users.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::adjust::{checked_reason, emit_adjusted, keep_staff_limit, staff_limit};
use super::super::filter::UserFilter;
use super::super::lock::lock_targets;
use super::BATCH;
use super::begin::{Begin, Confirmed, begin};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::random::Random;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Staff};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger::{self, Entry, Erasable};
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::webhook::Outbox;

/// An adjustment of the balances of all users who match a filter.
#[derive(Clone, Debug)]
pub struct AdjustMany {
    /// The users.
    pub filter: UserFilter,
    /// The number of users who match, as the operator confirmed it.
    pub expected: u64,
    /// The amount for each user: positive for a credit.
    pub amount: Tokens,
    /// The operator's reason.
    pub reason: String,
    /// Idempotency key.
    pub idempotency_key: String,
}

/// What an adjustment of many balances did, with all its retries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdjustManyResult {
    /// The number of users whose balance was adjusted.
    pub adjusted: u64,
    /// The sum of the adjustments.
    pub total: Tokens,
    /// The number of operators, who were skipped.
    pub operators: u64,
    /// The number of users who were skipped, since their balance would have become negative or too large.
    pub out_of_range: u64,
}

/// Adjusts the balances of all users who match, each once, and records each in the audit trail.
///
/// # Errors
/// INVALID_INPUT for a missing reason, an invalid filter, or too many users; RATE_LIMITED if the whole adjustment
/// exceeds the staff member's limit of today; CONFLICT if another number of users matches than was confirmed, or the
/// idempotency key was used for another change. Where later batches fail, earlier ones stay; a retry continues.
pub async fn adjust_many(app: &App, staff: Staff, input: AdjustMany) -> Result<AdjustManyResult, Error> {
    let AdjustMany { filter, expected, amount, reason, idempotency_key } = input;
    let reason = checked_reason(&reason)?.to_owned();
    let request = format!("adjust {amount} {expected} {filter:?} {reason}");
    let idempotency_key = Some(idempotency_key);
    let Confirmed { user_ids, name } =
        begin(app, Begin { staff, filter, expected, idempotency_key, request, grant: amount }).await?;
    let mut done = AdjustManyResult::default();
    for ids in user_ids.chunks(BATCH) {
        let (reason, name, random) = (reason.clone(), name.clone(), app.random.clone());
        let outbox = app.webhooks.outbox();
        let batch = Adjustments { staff, user_ids: ids.to_vec(), amount, reason, name, random, outbox };
        let limit = staff_limit(app);
        let written = app
            .db
            .write((batch, app.clock.now()), move |txn, (batch, at)| Box::pin(adjust_batch(txn, batch, limit, *at)));
        let written = written.await?;
        ids.iter().for_each(|id| ledger::notify_balance_changed(&app.bus, *id));
        done.adjusted += written.adjusted;
        done.total = done.total.plus(written.total)?;
        done.operators += written.operators;
        done.out_of_range += written.out_of_range;
    }
    Ok(done)
}

/// The adjustments of one transaction.
struct Adjustments {
    staff: Staff,
    user_ids: Vec<UserId>,
    amount: Tokens,
    reason: String,
    name: String,
    random: Random,
    outbox: Outbox,
}

async fn adjust_batch(
    txn: &Txn,
    batch: &Adjustments,
    limit: Option<Tokens>,
    at: DateTime<Utc>,
) -> Result<AdjustManyResult, Error> {
    let amount = batch.amount;
    let (actor, users) = lock_targets(txn, Actor::from(batch.staff), &batch.user_ids).await?;
    let (mut done, mut new) = (AdjustManyResult::default(), Tokens::ZERO);
    for user in users {
        if user.is_operator() {
            done.operators += 1;
            continue;
        }
        let key = format!("bulk:{}:{}", batch.name, user.id);
        let entry = Entry {
            actor_id: actor.id(),
            erasable: Erasable::new(&batch.random, Some(batch.reason.clone()), Some(key)),
            ..Entry::new(user.id, amount, Reason::Adjustment, at)
        };
        let applied = match ledger::post_entry(txn, entry).await {
            // Nothing was written: the balance does not allow it.
            Err(error) if error.code == Code::InvalidInput => {
                done.out_of_range += 1;
                continue;
            }
            applied => applied?,
        };
        done.adjusted += 1;
        done.total = done.total.plus(amount)?;
        if !applied.is_new {
            continue;
        }
        new = new.plus(amount)?;
        let details = json!({
            "amount": amount, "tokens": applied.balance.tokens, "reason": batch.reason, "bulk": true,
        });
        let target = ("user", user.id.0, user.username.as_str());
        let record = AuditRecord { action: Action::BalanceAdjust, target, owner_id: None, details, at };
        audit::record(txn, &actor, record).await?;
        emit_adjusted(txn, &batch.outbox, user.id, (amount, applied.balance), at).await?;
    }
    keep_staff_limit(txn, actor, new, limit, at).await?;
    Ok(done)
}
