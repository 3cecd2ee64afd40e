//! Adding, changing and removing webhooks, and sending a delivery again.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, SqlErr};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::emit::RETRY_FOR;
use super::input::{MAX_WEBHOOKS, NewWebhook, WebhookUpdate, as_json};
use super::secret::encrypt;
use super::snapshot::refresh;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{WebhookDeliveryId, WebhookId};
use crate::core::viewer::Actor;
use crate::core::webhook_signature::new_secret;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::db::Txn;
use crate::infra::entity::provider::Sealed;
use crate::infra::entity::user;
use crate::infra::entity::webhook::{self, DisabledReason};
use crate::infra::entity::webhook_delivery::{self, State};

/// How long the secret before a rotation signs too.
const PREVIOUS_SIGNS_FOR: TimeDelta = TimeDelta::hours(24);

/// Checks that the actor is a superuser now.
pub(super) async fn check_actor(txn: &Txn, actor: &Actor) -> Result<(), Error> {
    if let Some(id) = actor.id() {
        let row = user::Entity::find_by_id(id).one(txn).await?;
        let row = row.filter(|row| row.is_active).ok_or_else(Error::unauthenticated)?;
        actor.with_roles(row.is_staff, row.is_superuser)?.require_superuser()?;
    }
    Ok(())
}

/// Adds a webhook. Returns it with its secret, which is never shown again.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT with all field errors; CONFLICT if there are too many.
pub async fn create(app: &App, actor: Actor, new: NewWebhook) -> Result<(webhook::Model, SecretString), Error> {
    actor.require_superuser()?;
    let NewWebhook { name, url, events } = new;
    let new = WebhookUpdate { name: Some(name), url: Some(url), events: Some(events), enabled: None };
    let (new, secret) = (new.validated(app.webhooks.client())?, new_secret()?);
    let input = (actor, new, secret.clone(), app.encryption.clone(), app.clock.now());
    let created = app.db.write(input, |txn, (actor, new, secret, encryption, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            if webhook::Entity::find().count(txn).await? >= MAX_WEBHOOKS {
                return Err(Error::new(Code::Conflict, format!("There are at most {MAX_WEBHOOKS} webhooks.")));
            }
            let row = webhook::ActiveModel {
                id: NotSet,
                name: Set(new.name.clone().unwrap_or_default()),
                url: Set(new.url.clone().unwrap_or_default()),
                events: Set(as_json(new.events.as_deref().unwrap_or_default())),
                enabled: Set(true),
                disabled_reason: Set(None),
                failing_since: Set(None),
                // The ciphertext belongs to the id, which is known only afterwards.
                sealed_secret: Set(Sealed(String::new())),
                seal_id: Set(String::new()),
                previous_sealed_secret: Set(None),
                previous_seal_id: Set(None),
                previous_until: Set(None),
                created_by_id: Set(actor.id()),
                created_at: Set(*at),
                updated_at: Set(*at),
            };
            let id = row.insert(txn).await.map_err(name_taken)?.id;
            let (sealed, seal_id) = encrypt(encryption, id, secret)?;
            let sealed = webhook::ActiveModel {
                id: Set(id),
                sealed_secret: Set(sealed),
                seal_id: Set(seal_id),
                ..Default::default()
            };
            let created = sealed.update(txn).await?;
            let details = json!({ "host": host(&created.url), "events": names(&created) });
            record(txn, actor, Action::WebhookCreate, &created, details, *at).await?;
            Ok(created)
        })
    });
    let created = created.await?;
    refresh(app).await?;
    Ok((created, secret))
}

/// Changes a webhook. Enabling it forgets its earlier failures.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a webhook; INVALID_INPUT with all field errors.
pub async fn update(app: &App, actor: Actor, id: WebhookId, update: WebhookUpdate) -> Result<webhook::Model, Error> {
    actor.require_superuser()?;
    let update = update.validated(app.webhooks.client())?;
    let changed = app.db.write((actor, id, update, app.clock.now()), |txn, (actor, id, update, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            let before = lock(txn, *id).await?;
            let set = |value: &Option<String>| value.clone().map_or(NotSet, Set);
            let mut row = webhook::ActiveModel {
                id: Set(*id),
                name: set(&update.name),
                url: set(&update.url),
                events: update.events.as_deref().map(as_json).map_or(NotSet, Set),
                updated_at: Set(*at),
                ..Default::default()
            };
            if let Some(enabled) = update.enabled.filter(|enabled| *enabled != before.enabled) {
                row.enabled = Set(enabled);
                row.disabled_reason = Set((!enabled).then_some(DisabledReason::Operator));
                row.failing_since = Set(None);
            }
            let after = row.update(txn).await.map_err(name_taken)?;
            record(txn, actor, Action::WebhookUpdate, &after, changes(&before, &after), *at).await?;
            Ok(after)
        })
    });
    let changed = changed.await?;
    refresh(app).await?;
    Ok(changed)
}

/// Removes a webhook and its deliveries.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a webhook.
pub async fn delete(app: &App, actor: Actor, id: WebhookId) -> Result<(), Error> {
    actor.require_superuser()?;
    let deleted = app.db.write((actor, id, app.clock.now()), |txn, (actor, id, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            let row = lock(txn, *id).await?;
            let deliveries = webhook_delivery::Entity::delete_many();
            deliveries.filter(webhook_delivery::Column::WebhookId.eq(*id)).exec(txn).await?;
            webhook::Entity::delete_by_id(*id).exec(txn).await?;
            record(txn, actor, Action::WebhookDelete, &row, json!({ "host": host(&row.url) }), *at).await
        })
    });
    deleted.await?;
    refresh(app).await
}

/// Replaces the secret of a webhook. The one before signs too for a day, so that the receiver can be changed meanwhile; a
/// still earlier one ends now. Returns the webhook with the new secret, which is never shown again.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a webhook.
pub async fn rotate_secret(app: &App, actor: Actor, id: WebhookId) -> Result<(webhook::Model, SecretString), Error> {
    actor.require_superuser()?;
    let secret = new_secret()?;
    let input = (actor, id, secret.clone(), app.encryption.clone(), app.clock.now());
    let rotated = app.db.write(input, |txn, (actor, id, secret, encryption, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            let before = lock(txn, *id).await?;
            let (sealed, seal_id) = encrypt(encryption, *id, secret)?;
            let row = webhook::ActiveModel {
                id: Set(*id),
                sealed_secret: Set(sealed),
                seal_id: Set(seal_id),
                previous_sealed_secret: Set(Some(before.sealed_secret)),
                previous_seal_id: Set(Some(before.seal_id)),
                previous_until: Set(Some(*at + PREVIOUS_SIGNS_FOR)),
                updated_at: Set(*at),
                ..Default::default()
            };
            let rotated = row.update(txn).await?;
            record(txn, actor, Action::WebhookRotateSecret, &rotated, json!({}), *at).await?;
            Ok(rotated)
        })
    });
    let rotated = rotated.await?;
    refresh(app).await?;
    Ok((rotated, secret))
}

/// Sends a delivery again, whatever its state, with the same id and payload: it is due now, and retried for a day.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a delivery; CONFLICT if its webhook is disabled.
pub async fn resend(app: &App, actor: Actor, id: WebhookDeliveryId) -> Result<webhook_delivery::Model, Error> {
    actor.require_superuser()?;
    let resent = app.db.write((actor, id, app.clock.now()), |txn, (actor, id, at)| {
        Box::pin(async move {
            check_actor(txn, actor).await?;
            let row = webhook_delivery::Entity::find_by_id(*id).one(txn).await?;
            let row = row.ok_or_else(|| Error::not_found("webhook delivery"))?;
            // In the order in which an outcome locks them.
            let webhook = lock(txn, row.webhook_id).await?;
            if !webhook.enabled {
                return Err(Error::new(Code::Conflict, "This webhook is disabled. Enable it first."));
            }
            let again = webhook_delivery::ActiveModel {
                id: Set(*id),
                state: Set(State::Pending),
                next_attempt_at: Set(*at),
                give_up_at: Set(*at + RETRY_FOR),
                finished_at: Set(None),
                ..Default::default()
            };
            Ok(again.update(txn).await?)
        })
    });
    resent.await
}

/// Returns a webhook, locked until the transaction ends.
pub(super) async fn lock(txn: &Txn, id: WebhookId) -> Result<webhook::Model, Error> {
    let row = webhook::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    row.ok_or_else(|| Error::not_found("webhook"))
}

/// Returns the scheme, host and port of an address. The rest may hold a credential of the receiver.
pub(super) fn host(url: &str) -> String {
    reqwest::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

fn names(row: &webhook::Model) -> Vec<String> {
    row.events().into_iter().map(webhook::Event::name).collect()
}

fn changes(before: &webhook::Model, after: &webhook::Model) -> Value {
    let values = |row: &webhook::Model| {
        [
            ("name", json!(row.name)),
            ("host", json!(host(&row.url))),
            ("events", json!(names(row))),
            ("enabled", json!(row.enabled)),
        ]
    };
    let changed = values(before).into_iter().zip(values(after)).filter(|((_, before), (_, after))| before != after);
    let mut changed: Map<String, Value> =
        changed.map(|((name, before), (_, after))| (name.to_owned(), audit::change(before, after))).collect();
    if before.url != after.url {
        changed.insert("url_changed".to_owned(), true.into());
    }
    Value::Object(changed)
}

/// Records an audit event.
pub(super) async fn record(
    txn: &Txn,
    actor: &Actor,
    action: Action,
    row: &webhook::Model,
    details: Value,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let target = ("webhook", row.id.0, row.name.as_str());
    audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at }).await
}

/// Returns a violated unique constraint as a field error: the name is taken.
fn name_taken(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::field("name", "This name is taken."),
        _ => error.into(),
    }
}
