//! Connecting, changing and removing providers.

use std::time::Duration;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::change::{announce, begin, name_taken};
use super::keys;
use super::provider_input::{NewProvider, ProviderUpdate, is_same_origin, last_four, validate, validate_new};
use crate::app::App;
use crate::core::encryption::{Encrypted, Encryption};
use crate::core::error::{Code, Error};
use crate::core::ids::ProviderId;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::db::Txn;
use crate::infra::entity::provider::{Header, Sealed};
use crate::infra::entity::{model, model_route, provider};

/// Maximum number of models that an error names.
const MAX_NAMED: u64 = 5;

/// Connects a provider. Nothing is sent to it.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT with all field errors.
pub async fn create_provider(app: &App, actor: Actor, new: NewProvider) -> Result<provider::Model, Error> {
    actor.require_superuser()?;
    let new = validate_new(new)?;
    let input = (actor, new, app.encryption.clone(), app.clock.now());
    let created = app.db.write(input, |txn, (actor, new, encryption, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let row = provider::ActiveModel {
                id: NotSet,
                name: Set(new.name.clone()),
                kind: Set(new.kind),
                base_url: Set(new.base_url.clone().unwrap_or_default()),
                sealed_key: Set(None),
                seal_id: Set(None),
                key_last_four: Set(None),
                key_set_at: Set(None),
                headers: Set(as_json(&new.headers)?),
                max_retries: Set(new.max_retries.unwrap_or_default().into()),
                circuit_cooldown_ms: Set(milliseconds(new.circuit_cooldown.unwrap_or_default())),
                connect_timeout_ms: Set(new.timeouts.connect.map(milliseconds)),
                first_byte_timeout_ms: Set(new.timeouts.first_byte.map(milliseconds)),
                idle_timeout_ms: Set(new.timeouts.idle.map(milliseconds)),
                created_at: Set(*at),
                updated_at: Set(*at),
            };
            let mut created = row.insert(txn).await.map_err(name_taken)?;
            if let Some(key) = &new.key {
                let mut row = provider::ActiveModel { id: Set(created.id), ..Default::default() };
                set_key(&mut row, encryption, created.id, Some(key), *at)?;
                created = row.update(txn).await?;
            }
            let details = json!({
                "kind": new.kind,
                "base_url": created.base_url,
                "key": shown(&created),
            });
            record(txn, actor, Action::ProviderCreate, &created, details, *at).await?;
            Ok(created)
        })
    });
    let created = created.await?;
    announce(app).await?;
    Ok(created)
}

/// Changes a provider. Its kind stays.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a provider; INVALID_INPUT with all field errors.
pub async fn update_provider(
    app: &App,
    actor: Actor,
    id: ProviderId,
    update: ProviderUpdate,
) -> Result<provider::Model, Error> {
    actor.require_superuser()?;
    let update = validate(update)?;
    let input = (actor, id, update, app.encryption.clone(), app.clock.now());
    let changed = app.db.write(input, |txn, (actor, id, update, encryption, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let before = find(txn, *id).await?;
            if let Some(url) = &update.base_url
                && update.key.is_none()
                && before.sealed_key.is_some()
                && !is_same_origin(url, &before.base_url)
            {
                // Otherwise, a stolen session could have the key sent to itself.
                let message = "Another host, port or scheme gets the key only if you enter it again.";
                return Err(Error::field("key", message));
            }
            let set_timeout =
                |value: Option<Option<Duration>>| value.map_or(NotSet, |value| Set(value.map(milliseconds)));
            let set = |value: &Option<String>| value.clone().map_or(NotSet, Set);
            let mut row = provider::ActiveModel {
                id: Set(*id),
                name: set(&update.name),
                base_url: set(&update.base_url),
                headers: update.headers.as_deref().map(as_json).transpose()?.map_or(NotSet, Set),
                max_retries: update.max_retries.map(i64::from).map_or(NotSet, Set),
                circuit_cooldown_ms: update.circuit_cooldown.map(milliseconds).map_or(NotSet, Set),
                connect_timeout_ms: set_timeout(update.connect_timeout),
                first_byte_timeout_ms: set_timeout(update.first_byte_timeout),
                idle_timeout_ms: set_timeout(update.idle_timeout),
                updated_at: Set(*at),
                ..Default::default()
            };
            if let Some(key) = &update.key {
                set_key(&mut row, encryption, *id, key.as_ref(), *at)?;
            }
            let after = row.update(txn).await.map_err(name_taken)?;
            record(txn, actor, Action::ProviderUpdate, &after, changes(&before, &after), *at).await?;
            Ok(after)
        })
    });
    let changed = changed.await?;
    announce(app).await?;
    Ok(changed)
}

/// Removes a provider, and its key.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a provider; CONFLICT that names the models that use it.
pub async fn delete_provider(app: &App, actor: Actor, id: ProviderId) -> Result<(), Error> {
    actor.require_superuser()?;
    let deleted = app.db.write((actor, id, app.clock.now()), |txn, (actor, id, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let row = find(txn, *id).await?;
            let routes = model_route::Entity::find().filter(model_route::Column::ProviderId.eq(*id));
            let routes = routes.select_only().column(model_route::Column::ModelId);
            let using = model::Entity::find()
                .filter(model::Column::Id.in_subquery(routes.into_query()))
                .order_by_asc(model::Column::Name)
                .limit(MAX_NAMED);
            let names: Vec<_> = using.all(txn).await?.into_iter().map(|model| model.name).collect();
            if !names.is_empty() {
                let message =
                    format!("These models use the provider: {}. Remove their routes first.", names.join(", "));
                return Err(Error::new(Code::Conflict, message));
            }
            provider::Entity::delete_by_id(*id).exec(txn).await?;
            record(txn, actor, Action::ProviderDelete, &row, json!({}), *at).await
        })
    });
    deleted.await?;
    announce(app).await
}

async fn find(txn: &Txn, id: ProviderId) -> Result<provider::Model, Error> {
    provider::Entity::find_by_id(id).one(txn).await?.ok_or_else(|| Error::not_found("provider"))
}

/// Sets or removes the key of a row.
fn set_key(
    row: &mut provider::ActiveModel,
    encryption: &Encryption,
    id: ProviderId,
    key: Option<&SecretString>,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let encrypted = key.map(|key| keys::encrypt(encryption, id, key)).transpose()?;
    let (secret_id, text) = encrypted.map(|Encrypted { secret_id, text }| (secret_id, Sealed(text))).unzip();
    row.sealed_key = Set(text);
    row.seal_id = Set(secret_id);
    row.key_last_four = Set(key.and_then(last_four));
    row.key_set_at = Set(key.map(|_| at));
    Ok(())
}

/// Returns what is shown of a key: its last characters, and never the key.
fn shown(row: &provider::Model) -> Value {
    match (&row.key_set_at, &row.key_last_four) {
        (None, _) => Value::Null,
        (Some(_), Some(last)) => json!(format!("..{last}")),
        (Some(_), None) => json!("(set)"),
    }
}

fn changes(before: &provider::Model, after: &provider::Model) -> Value {
    let values = |row: &provider::Model| {
        [
            ("name", json!(row.name)),
            ("base_url", json!(row.base_url)),
            ("headers", json!(row.headers().iter().map(|header| header.name.clone()).collect::<Vec<_>>())),
            ("max_retries", json!(row.max_retries)),
            ("circuit_cooldown_ms", json!(row.circuit_cooldown_ms)),
            ("connect_timeout_ms", json!(row.connect_timeout_ms)),
            ("first_byte_timeout_ms", json!(row.first_byte_timeout_ms)),
            ("idle_timeout_ms", json!(row.idle_timeout_ms)),
        ]
    };
    let changed = values(before).into_iter().zip(values(after)).filter(|((_, before), (_, after))| before != after);
    let mut changed: Map<String, Value> =
        changed.map(|((name, before), (_, after))| (name.to_owned(), audit::change(before, after))).collect();
    if before.headers != after.headers {
        changed.insert("headers_changed".to_owned(), true.into());
    }
    // The same characters may be the end of another key.
    if before.sealed_key != after.sealed_key {
        changed.insert("key".to_owned(), audit::change(shown(before), shown(after)));
    }
    Value::Object(changed)
}

async fn record(
    txn: &Txn,
    actor: &Actor,
    action: Action,
    row: &provider::Model,
    details: Value,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let target = ("provider", row.id.0, row.name.as_str());
    audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at }).await
}

fn as_json(headers: &[Header]) -> Result<String, Error> {
    serde_json::to_string(headers).map_err(|error| Error::internal(error))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
