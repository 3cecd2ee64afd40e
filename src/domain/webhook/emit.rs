//! The outbox: events are written in the transaction of what they report.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::core::error::Error;
use crate::core::ids::{UserId, WebhookId};
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::user;
use crate::infra::entity::webhook::Event;
use crate::infra::entity::webhook_delivery::{self, State};
use crate::infra::webhook::Outbox;

/// How long a delivery is retried.
pub(super) const RETRY_FOR: TimeDelta = TimeDelta::hours(24);

/// An event.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The type.
    pub event: Event,
    /// What happened, as an object.
    pub data: Value,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// Writes an event for each webhook that receives it. Does nothing if there is none.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn emit(txn: &Txn, outbox: &Outbox, event: NewEvent) -> Result<(), Error> {
    let id = outbox.new_id();
    let rows: Vec<_> = outbox.receivers(event.event).map(|webhook| row(webhook.id, &id, &event, None)).collect();
    if !rows.is_empty() {
        webhook_delivery::Entity::insert_many(rows).exec_without_returning(txn).await?;
    }
    Ok(())
}

/// Writes an event about a user, whose id and name are added to it. The name is read only if a webhook receives the event.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn of_user(txn: &Txn, outbox: &Outbox, user_id: UserId, mut event: NewEvent) -> Result<(), Error> {
    if !outbox.wants(event.event) {
        return Ok(());
    }
    let username = user::Entity::find_by_id(user_id).one(txn).await?.map(|user| user.username);
    if let Some(data) = event.data.as_object_mut() {
        data.insert("user_id".to_owned(), user_id.0.into());
        data.insert("username".to_owned(), username.into());
    }
    emit(txn, outbox, event).await
}

/// Writes `balance.low` if a change of a balance makes it low: from the threshold or above to below it. Both values include
/// reserved tokens, so that a hold makes no balance low. The user's row is locked, so that each crossing is reported once.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn balance_changed(
    txn: &Txn,
    outbox: &Outbox,
    user_id: UserId,
    (before, after): (Tokens, Tokens),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if !outbox.becomes_low(before, after) {
        return Ok(());
    }
    let data = json!({ "tokens": after, "threshold": outbox.low_balance });
    of_user(txn, outbox, user_id, NewEvent { event: Event::BalanceLow, data, at }).await
}

/// Returns the row of a delivery that is due now.
pub(super) fn row(
    webhook_id: WebhookId,
    event_id: &str,
    event: &NewEvent,
    subject: Option<&str>,
) -> webhook_delivery::ActiveModel {
    let &NewEvent { event: ty, ref data, at } = event;
    let timestamp = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    webhook_delivery::ActiveModel {
        id: NotSet,
        webhook_id: Set(webhook_id),
        event_id: Set(event_id.to_owned()),
        event: Set(ty),
        subject: Set(subject.map(str::to_owned)),
        payload: Set(json!({ "type": ty.name(), "timestamp": timestamp, "data": data }).to_string()),
        state: Set(State::Pending),
        attempts: Set(0),
        next_attempt_at: Set(at),
        give_up_at: Set(at + RETRY_FOR),
        last_attempt_at: Set(None),
        last_status: Set(None),
        last_error: Set(None),
        created_at: Set(at),
        finished_at: Set(None),
    }
}
