//! Adjustment of balances, and the daily limit of grants by staff.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::lock::lock_target;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger::{self, Applied, Balance, Entry, Erasable};
use crate::domain::webhook::{self, NewEvent};
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::webhook::Event;
use crate::infra::webhook::Outbox;

/// Maximum length of the reason of an adjustment, in characters.
const MAX_NOTE_CHARS: usize = 500;

/// The amount of an adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalanceChange {
    /// Adds this amount, or subtracts it if it is negative.
    By(Tokens),
    /// Sets the spendable balance to this value.
    To(Tokens),
}

/// An adjustment of a user's balance.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// The user.
    pub user_id: UserId,
    /// The amount.
    pub amount: BalanceChange,
    /// The operator's reason.
    pub reason: String,
    /// Idempotency key.
    pub idempotency_key: Option<String>,
}

/// Adjusts a balance and returns it.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for the balance of an operator, the actor's own included, unless by a
/// superuser; INVALID_INPUT if the balance would become negative or too large, or the reason is missing; RATE_LIMITED
/// if it exceeds the staff member's limit of today; CONFLICT if the idempotency key was used for a different
/// adjustment.
pub async fn adjust_balance(app: &App, actor: Actor, input: Adjustment) -> Result<Balance, Error> {
    let reason = checked_reason(&input.reason)?;
    ledger::check_idempotency_key(input.idempotency_key.as_deref())?;
    let input = Adjustment { reason: reason.to_owned(), ..input };
    let erasable = Erasable::new(&app.random, Some(input.reason.clone()), input.idempotency_key.clone());
    let (user_id, limit) = (input.user_id, staff_limit(app));
    let input = (actor, input, erasable, app.webhooks.outbox(), app.clock.now());
    let balance = app.db.write(input, move |txn, (actor, input, erasable, outbox, at)| {
        Box::pin(adjust(txn, *actor, (input, erasable), limit, outbox, *at))
    });
    let balance = balance.await?;
    ledger::notify_balance_changed(&app.bus, user_id);
    Ok(balance)
}

/// Returns the reason without the white space around it.
///
/// # Errors
/// INVALID_INPUT if it is missing or too long.
pub fn checked_reason(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    if reason.is_empty() || reason.contains('\0') {
        return Err(Error::field("reason", "A reason is required."));
    }
    if reason.chars().count() > MAX_NOTE_CHARS {
        return Err(Error::field("reason", format!("Use at most {MAX_NOTE_CHARS} characters.")));
    }
    Ok(reason)
}

async fn adjust(
    txn: &Txn,
    actor: Actor,
    (input, erasable): (&Adjustment, &Option<Erasable>),
    limit: Option<Tokens>,
    outbox: &Outbox,
    at: DateTime<Utc>,
) -> Result<Balance, Error> {
    let (actor, user) = lock_target(txn, actor, input.user_id).await?;
    let (amount, requested_balance) = match input.amount {
        BalanceChange::By(amount) => (amount, None),
        BalanceChange::To(target) => {
            (target.minus(ledger::balance_for_update(txn, user.id).await?.tokens)?, Some(target))
        }
    };
    let entry = Entry {
        actor_id: actor.id(),
        requested_balance,
        erasable: erasable.clone(),
        ..Entry::new(user.id, amount, Reason::Adjustment, at)
    };
    let Applied { balance, is_new } = ledger::post_entry(txn, entry).await?;
    if !is_new {
        return Ok(balance);
    }
    keep_staff_limit(txn, actor, amount, limit, at).await?;
    let mut details = json!({ "amount": amount, "tokens": balance.tokens, "reason": input.reason });
    if let Some(details) = details.as_object_mut().filter(|_| actor.id() == Some(user.id)) {
        details.insert("own".to_owned(), true.into());
    }
    let target = ("user", user.id.0, user.username.as_str());
    audit::record(txn, &actor, AuditRecord { action: Action::BalanceAdjust, target, owner_id: None, details, at })
        .await?;
    emit_adjusted(txn, outbox, user.id, (amount, balance), at).await?;
    Ok(balance)
}

/// Writes the events of an adjusted balance.
pub(super) async fn emit_adjusted(
    txn: &Txn,
    outbox: &Outbox,
    user_id: UserId,
    (amount, balance): (Tokens, Balance),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let data = json!({ "amount": amount, "tokens": balance.tokens });
    webhook::of_user(txn, outbox, user_id, NewEvent { event: Event::BalanceAdjusted, data, at }).await?;
    let after = balance.total();
    webhook::balance_changed(txn, outbox, user_id, (after.minus(amount)?, after), at).await
}

/// Returns the maximum that one staff member may grant per day; `None` if it is not limited.
pub fn staff_limit(app: &App) -> Option<Tokens> {
    Some(Tokens(app.config().ledger.staff_daily_limit)).filter(|limit| *limit > Tokens::ZERO)
}

/// Checks that the grants of a staff member today, including the one just recorded, are within the limit. The actor's
/// row is locked, so that concurrent grants are all counted.
///
/// # Errors
/// RATE_LIMITED if they exceed it. The caller's transaction is rolled back then.
pub async fn keep_staff_limit(
    txn: &Txn,
    actor: Actor,
    amount: Tokens,
    limit: Option<Tokens>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    check_staff_limit(txn, actor, (amount, Tokens::ZERO), limit, at).await
}

/// Checks the limit with what was just recorded, and with what is planned.
///
/// # Errors
/// RATE_LIMITED if they exceed it.
pub(super) async fn check_staff_limit(
    txn: &Txn,
    actor: Actor,
    (recorded, planned): (Tokens, Tokens),
    limit: Option<Tokens>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let (Some(limit), Some(staff_id)) = (limit, actor.id()) else { return Ok(()) };
    if actor.require_superuser().is_ok() || (recorded <= Tokens::ZERO && planned <= Tokens::ZERO) {
        return Ok(());
    }
    let midnight = at.date_naive().and_time(NaiveTime::MIN).and_utc();
    let end = midnight + TimeDelta::days(1);
    let given = ledger::granted_by(txn, staff_id, midnight, end).await?;
    let whole = given.0.saturating_add(planned.0);
    if whole <= limit.0 {
        return Ok(());
    }
    let left = limit.minus(given.minus(recorded)?)?;
    let left = left.max(Tokens::ZERO);
    let message = format!("Staff may give out {limit} tokens a day (UTC); {left} are left today.");
    let wait = u64::try_from((end - at).num_seconds()).unwrap_or(0).saturating_add(1);
    Err(Error::rate_limited(message, wait))
}
