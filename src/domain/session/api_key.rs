//! API keys: credentials that API clients use instead of an access token.
//!
//! A key is shown once, when it is created; its prefix, by which it is found, and a keyed hash are stored. It is valid
//! until it expires, is revoked, or its user is deactivated; ending sessions does not end it.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;

use super::AuthDenied;
use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::pagination::{self, Page, PageRequest, check_search};
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Scope, Scopes, Viewer};
use crate::domain::account;
use crate::domain::audit::{self, AuditRecord};
use crate::infra::db::Txn;
use crate::infra::entity::api_key::{self, Column, Model};
use crate::infra::entity::user;

/// The prefix of every key.
const MARK: &str = "jt-";
/// The length of the part that is stored and shown: the mark and twelve digits.
const PREFIX_LEN: usize = 15;
/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Maximum number of models that a key may be restricted to.
const MAX_MODELS: usize = 100;
/// Maximum number of valid keys per user.
const MAX_KEYS: u64 = 100;
/// The accuracy of the last use of a key.
const LAST_USE: TimeDelta = TimeDelta::minutes(1);

/// An API key to be created.
#[derive(Clone, Debug, Default)]
pub struct NewApiKey {
    /// The name, 1 to 100 characters.
    pub name: String,
    /// The scopes; COMPLETIONS if empty.
    pub scopes: Vec<Scope>,
    /// The allowed models; all if `None`.
    pub models: Option<Vec<String>>,
    /// The expiry time; `None` if it does not expire.
    pub expires_at: Option<DateTime<Utc>>,
    /// The spending limits.
    pub limits: SpendingLimits,
}

/// The spending limits of a key; unset fields limit nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpendingLimits {
    /// In total.
    pub total: Option<Tokens>,
    /// Per day (UTC).
    pub per_day: Option<Tokens>,
    /// Per month (UTC).
    pub per_month: Option<Tokens>,
}

/// Creates a key for the viewer. The second part of the result is the key itself, which can't be read ever after.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys; INVALID_INPUT with all field errors; CONFLICT if the
/// user has too many keys.
pub async fn create(app: &App, viewer: Viewer, new: NewApiKey) -> Result<(Model, String), Error> {
    let (identity, _) = viewer.require_session()?;
    insert(app, None, identity.id, new).await
}

/// Does the same as [`create`] for another user, on the command line. Recorded in the audit trail.
///
/// # Errors
/// As [`create`]; NOT_FOUND without such a user.
pub async fn create_for(app: &App, user_id: i64, new: NewApiKey) -> Result<(Model, String), Error> {
    insert(app, Some(Actor::CommandLine), user_id, new).await
}

async fn insert(app: &App, operator: Option<Actor>, user_id: i64, new: NewApiKey) -> Result<(Model, String), Error> {
    let now = app.clock.now();
    let new = checked(app, new, now)?;
    let prefix = format!("{MARK}{}", app.random.hex128().split_at(PREFIX_LEN - MARK.len()).0);
    let secret = format!("{prefix}-{}{}", app.random.hex128(), app.random.hex128());
    let models = new.models.map(|models| json!(models).to_string());
    let row = api_key::ActiveModel {
        id: NotSet,
        user_id: Set(user_id),
        name: Set(new.name),
        prefix: Set(prefix),
        secret_hash: Set(app.api_key_hasher.of(secret.as_bytes())),
        scopes: Set(Scopes::new(new.scopes).names()),
        models: Set(models),
        total_limit: Set(new.limits.total),
        daily_limit: Set(new.limits.per_day),
        monthly_limit: Set(new.limits.per_month),
        held: Set(Tokens::ZERO),
        spent: Set(Tokens::ZERO),
        day: Set(String::new()),
        spent_in_day: Set(Tokens::ZERO),
        month: Set(String::new()),
        spent_in_month: Set(Tokens::ZERO),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        last_used_at: Set(None),
        revoked_at: Set(None),
    };
    let made = app.db.write((operator, user_id, row, now), |txn, (operator, user_id, row, now)| {
        Box::pin(async move {
            // Locked, so that concurrent creations cannot exceed the maximum.
            crate::domain::ledger::find_for_update(txn, *user_id).await?;
            if good(*user_id, *now).count(txn).await? >= MAX_KEYS {
                let message = format!("There are {MAX_KEYS} API keys already. Revoke an unused one.");
                return Err(Error::new(Code::Conflict, message));
            }
            let key = row.clone().insert(txn).await?;
            record(txn, *operator, &key, "api_key.create", *now).await?;
            Ok(key)
        })
    });
    Ok((made.await?, secret))
}

/// Validates a new key.
fn checked(app: &App, mut new: NewApiKey, now: DateTime<Utc>) -> Result<NewApiKey, Error> {
    let mut mistakes = Vec::new();
    let mut mistake = |field, message: String| mistakes.push(FieldError { field, message });
    new.name = new.name.trim().to_owned();
    if new.name.is_empty() || new.name.chars().count() > MAX_NAME_CHARS || new.name.contains('\0') {
        mistake("name", format!("Between 1 and {MAX_NAME_CHARS} characters."));
    }
    if new.scopes.is_empty() {
        new.scopes.push(Scope::Completions);
    }
    if let Some(models) = &mut new.models {
        // Deduplicated: they are read with every request by the key.
        let mut seen = HashSet::new();
        models.retain(|name| seen.insert(name.clone()));
        if models.len() > MAX_MODELS {
            mistake("models", format!("Ensure this list has no more than {MAX_MODELS} names."));
        }
    }
    let named = new.models.as_ref().filter(|models| models.len() <= MAX_MODELS);
    for name in named.into_iter().flatten() {
        // The command line runs without the models themselves.
        if app.models.get(Some(name)).is_none() && !app.config.models.contains_key(name) {
            mistake("models", format!("There is no model {name}."));
        }
    }
    if new.models.as_ref().is_some_and(Vec::is_empty) {
        mistake("models", "Name at least one model, or omit the list.".to_owned());
    }
    if new.expires_at.is_some_and(|end| end <= now || end.timestamp() > LAST_END) {
        mistake("expires_at", "Between now and the year 9999.".to_owned());
    }
    let SpendingLimits { total, per_day, per_month } = new.limits;
    for (field, limit) in [("total", total), ("per_day", per_day), ("per_month", per_month)] {
        if limit.is_some_and(|limit| limit <= Tokens::ZERO || limit > Tokens::MAX_BALANCE) {
            mistake(field, "At least 1.".to_owned());
        }
    }
    if mistakes.is_empty() { Ok(new) } else { Err(Error::invalid(mistakes)) }
}

/// The last second of the year 9999, which all databases and clients can represent.
const LAST_END: i64 = 253_402_300_799;

/// Returns the viewer's own keys, invalid ones included, newest first.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys.
pub async fn list(app: &App, viewer: Viewer, page: PageRequest) -> Result<Page<api_key::Entity>, Error> {
    let (identity, _) = viewer.require_session()?;
    page.load(app.db.read(), api_key::Entity::owned_by(identity.id), Column::Id).await
}

/// A filter of API keys for operators; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyFilter {
    /// Keys of this user.
    pub user_id: Option<i64>,
    /// A substring of the name, or a prefix of the key. Of a whole key the secret part is ignored.
    pub search: Option<String>,
}

/// Returns the keys of all users, newest first.
///
/// # Errors
/// INVALID_INPUT for a search that is too long; INTERNAL if the database fails.
pub async fn all(
    app: &App,
    _actor: Actor,
    filter: ApiKeyFilter,
    page: PageRequest,
) -> Result<Page<api_key::Entity>, Error> {
    let mut keys = filter.user_id.map_or_else(api_key::Entity::find, api_key::Entity::owned_by);
    check_search(filter.search.as_deref().unwrap_or_default())?;
    if let Some(search) = filter.search.as_deref().map(str::trim).filter(|search| !search.is_empty()) {
        let prefix = if is_one(search) { search.get(..PREFIX_LEN).unwrap_or(search) } else { search };
        // SQLite folds the case of ASCII only.
        let name = pagination::contains(Func::lower(Expr::col(Column::Name)), &search.to_lowercase());
        keys = keys.filter(Condition::any().add(name).add(pagination::begins_with(Expr::col(Column::Prefix), prefix)));
    }
    page.load(app.db.read(), keys, Column::Id).await
}

/// Returns one key: the viewer's own or, for staff, any user's.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys; NOT_FOUND also for a key of another user.
pub async fn one(app: &App, viewer: Viewer, key_id: i64) -> Result<Model, Error> {
    let (identity, _) = viewer.require_session()?;
    let key = api_key::Entity::find_by_id(key_id).one(app.db.read()).await?;
    key.filter(|key| key.user_id == identity.id || viewer.require_staff().is_ok())
        .ok_or_else(|| Error::not_found("API key"))
}

/// Returns the names of the models that the viewer may use; `None` for all.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers, or if the key is deleted.
pub async fn models(app: &App, viewer: Viewer) -> Result<Option<Vec<String>>, Error> {
    let Some(id) = viewer.require_authenticated()?.api_key() else { return Ok(None) };
    let key = api_key::Entity::find_by_id(id).one(app.db.read()).await?;
    Ok(key.ok_or_else(Error::unauthenticated)?.allowed_models())
}

/// Revokes a key: the viewer's own or, for staff, any user's, which is recorded in the audit trail. Revoking a revoked
/// key does nothing.
///
/// # Errors
/// As [`one`]; FORBIDDEN also for the key of an operator unless by a superuser.
pub async fn revoke(app: &App, viewer: Viewer, key_id: i64) -> Result<Model, Error> {
    let key = one(app, viewer, key_id).await?;
    let (identity, _) = viewer.require_session()?;
    let operator = (key.user_id != identity.id).then_some(Actor::User(identity));
    end(app, operator, key.id).await
}

/// Revokes the key with this prefix, on the command line.
///
/// # Errors
/// NOT_FOUND without such a key.
pub async fn revoke_by_prefix(app: &App, prefix: &str) -> Result<Model, Error> {
    let prefix = prefix.get(..PREFIX_LEN).unwrap_or(prefix);
    let key = api_key::Entity::find().filter(Column::Prefix.eq(prefix)).one(app.db.read()).await?;
    end(app, Some(Actor::CommandLine), key.ok_or_else(|| Error::not_found("API key"))?.id).await
}

async fn end(app: &App, operator: Option<Actor>, key_id: i64) -> Result<Model, Error> {
    let ended = app.db.write((operator, key_id, app.clock.now()), |txn, &(operator, key_id, now)| {
        Box::pin(async move {
            let update = api_key::Entity::update_many().col_expr(Column::RevokedAt, Expr::value(now));
            let update = update.filter(Column::Id.eq(key_id)).filter(Column::RevokedAt.is_null());
            if let Some(key) = update.exec_with_returning(txn).await?.into_iter().next() {
                record(txn, operator, &key, "api_key.revoke", now).await?;
                return Ok(key);
            }
            let key = api_key::Entity::find_by_id(key_id).one(txn).await?;
            key.ok_or_else(|| Error::not_found("API key"))
        })
    });
    let key = ended.await?;
    account::announce_sessions(app, key.user_id);
    Ok(key)
}

/// Records an operator's action on a user's key, after checking that the operator may manage the user.
async fn record(
    txn: &Txn,
    operator: Option<Actor>,
    key: &Model,
    action: &'static str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(actor) = operator else { return Ok(()) };
    let owner = crate::domain::ledger::find_for_update(txn, key.user_id).await?;
    actor.require_can_manage(owner.is_operator())?;
    let details = json!({ "user": owner.username, "name": key.name, "scopes": key.scopes });
    audit::record(
        txn,
        &actor,
        AuditRecord { action, target: ("api_key", key.id, &key.prefix), owner_id: Some(owner.id), details, at },
    )
    .await
}

/// Returns the valid keys of a user.
fn good(user_id: i64, now: DateTime<Utc>) -> sea_orm::Select<api_key::Entity> {
    api_key::Entity::owned_by(user_id).filter(api_key::valid_at(now))
}

/// Returns whether a credential has the form of an API key.
pub(super) fn is_one(credential: &str) -> bool {
    credential.starts_with(MARK)
}

/// Returns the key and its user, if both are valid, and updates the last use of the key.
pub(super) async fn find(app: &App, secret: &str) -> Result<Result<(Model, user::Model), AuthDenied>, Error> {
    let Some(prefix) = secret.get(..PREFIX_LEN) else { return Ok(Err(AuthDenied::Invalid)) };
    let found = api_key::Entity::find().filter(Column::Prefix.eq(prefix)).find_also_related(user::Entity);
    let found = found.one(app.db.read()).await?;
    let Some((key, Some(user))) = found else { return Ok(Err(AuthDenied::Invalid)) };
    let now = app.clock.now();
    if !app.api_key_hasher.is_of(&key.secret_hash, secret.as_bytes()) || !key.is_valid(now) {
        return Ok(Err(AuthDenied::Invalid));
    }
    if !user.is_active {
        return Ok(Err(AuthDenied::UserInactive));
    }
    if key.last_used_at.is_none_or(|last| now - last >= LAST_USE) {
        // In the background: the request need not wait until this is on the disk.
        app.tasks.spawn(note_use(app.clone(), key.id, now));
    }
    Ok(Ok((key, user)))
}

async fn note_use(app: App, key_id: i64, now: DateTime<Utc>) {
    let noted = app.db.write((key_id, now), |txn, &(id, now)| Box::pin(touch(txn, id, now)));
    if let Err(error) = noted.await {
        tracing::warn!(key = key_id, ?error, "failed to update last_used_at");
    }
}

async fn touch(txn: &Txn, key_id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    let update = api_key::Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(now));
    update.filter(Column::Id.eq(key_id)).exec(txn).await?;
    Ok(())
}
