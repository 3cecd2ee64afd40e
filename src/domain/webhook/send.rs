//! One attempt of a delivery: signed, sent, and recorded. Tests are sent at once.

use chrono::TimeDelta;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use serde_json::json;

use super::change::{check_actor, lock};
use super::emit::{NewEvent, row};
use super::outcome::{Attempted, Outcome};
use super::secret::signing;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::WebhookId;
use crate::core::viewer::Actor;
use crate::core::webhook_signature::sign;
use crate::domain::job::Claim;
use crate::infra::entity::webhook::{self, Event};
use crate::infra::entity::webhook_delivery;
use crate::infra::webhook::{Attempt, Message};

/// After this time the job sends a test whose server was killed meanwhile.
const LEFT_TO_THE_JOB_AFTER: TimeDelta = TimeDelta::minutes(2);

/// Sends a test to a webhook, which may be disabled, and returns the delivery with its result. It is not retried.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a webhook. A failed attempt is no error.
pub async fn test(app: &App, actor: Actor, id: WebhookId) -> Result<webhook_delivery::Model, Error> {
    actor.require_superuser()?;
    let (at, outbox) = (app.clock.now(), app.webhooks.outbox());
    let stored = app.db.write((actor, id, outbox, at), |txn, (actor, id, outbox, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            let webhook = lock(txn, *id).await?;
            let data = json!({ "webhook_id": id, "name": webhook.name });
            let event = NewEvent { event: Event::WebhookTest, data, at: *at };
            let mut row = row(*id, &outbox.new_id(), &event, None);
            row.next_attempt_at = Set(*at + LEFT_TO_THE_JOB_AFTER);
            row.give_up_at = Set(*at);
            Ok((webhook, row.insert(txn).await?))
        })
    });
    let (webhook, delivery) = stored.await?;
    let id = delivery.id;
    attempt(app, &webhook, delivery, None).await?;
    super::find_delivery(app, actor, id).await
}

/// Sends a delivery once, and records the outcome. With a claim, the outcome is recorded only if the claim still holds,
/// and renews it.
///
/// # Errors
/// CONFLICT if the claim was lost; INTERNAL if the database fails. Then the delivery is due as before.
pub(super) async fn attempt(
    app: &App,
    webhook: &webhook::Model,
    delivery: webhook_delivery::Model,
    claim: Option<Claim>,
) -> Result<Outcome, Error> {
    let attempt = send(app, webhook, &delivery).await;
    let attempted = Attempted { delivery, attempt, jitter: app.random.u64(), at: app.clock.now() };
    let recorded = app.db.write((attempted, claim), |txn, (attempted, claim)| {
        Box::pin(async move {
            if let Some(claim) = claim {
                claim.renew(txn, attempted.at).await?;
            }
            attempted.record(txn).await
        })
    });
    let outcome = recorded.await?;
    app.metrics.webhook_delivery(outcome.name());
    Ok(outcome)
}

async fn send(app: &App, webhook: &webhook::Model, delivery: &webhook_delivery::Model) -> Attempt {
    let now = app.clock.now();
    let failed = |error: String| Attempt { status: None, error: Some(error), retry_after: None };
    let secrets = match signing(&app.encryption, webhook, now) {
        Ok(secrets) => secrets,
        Err(error) => return failed(format!("The secret can't be decrypted: {error}. Rotate it.")),
    };
    let (timestamp, body) = (now.timestamp(), delivery.payload.clone());
    let sign = |secret| sign(secret, &delivery.event_id, timestamp, body.as_bytes());
    let signatures: Vec<_> = match secrets.iter().map(sign).collect() {
        Ok(signatures) => signatures,
        Err(_) => return failed("The secret is not valid. Rotate it.".to_owned()),
    };
    let signatures = signatures.join(" ");
    let message = Message { url: &webhook.url, id: &delivery.event_id, timestamp, signatures, body };
    app.webhooks.client().send(message).await
}
