//! API keys: what programs show instead of an access token.
//!
//! A key is shown once, when it is made; what is stored is its beginning, by which it is found, and a keyed hash. It ends
//! when it expires, is revoked, or its user may not log in any more; the end of sessions does not end it.

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

/// What every key begins with.
const MARK: &str = "jt-";
/// So much of a key is stored and shown: the mark and twelve digits.
const PREFIX_LEN: usize = 15;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Models that a key may be bound to.
const MAX_MODELS: usize = 100;
/// Good keys of one user at once.
const MAX_KEYS: u64 = 100;
/// The last use of a key is known to within this time.
const LAST_USE: TimeDelta = TimeDelta::minutes(1);

/// A key that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewApiKey {
    /// What its owner calls it, 1 to 100 characters.
    pub name: String,
    /// What it may be used for; COMPLETIONS where nothing is named.
    pub scopes: Vec<Scope>,
    /// The models that it may ask; none: all.
    pub models: Option<Vec<String>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it may spend.
    pub limits: SpendingLimits,
}

/// What a key may spend; nothing set: as much as the user has.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpendingLimits {
    /// In all.
    pub total: Option<Tokens>,
    /// On one day (UTC).
    pub per_day: Option<Tokens>,
    /// In one month (UTC).
    pub per_month: Option<Tokens>,
}

/// Makes a key for the viewer. The second part of the result is the key itself, which nobody can ever read again.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys; INVALID_INPUT, with every mistake; CONFLICT with too
/// many keys.
pub async fn create(app: &App, viewer: Viewer, new: NewApiKey) -> Result<(Model, String), Error> {
    let (identity, _) = viewer.require_session()?;
    insert(app, None, identity.id, new).await
}

/// [`create`] for somebody else, on the command line. The audit trail tells it.
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
            // Locked, so that of many keys that are made at once none is one too many.
            crate::domain::ledger::find_for_update(txn, *user_id).await?;
            if good(*user_id, *now).count(txn).await? >= MAX_KEYS {
                let message = format!("There are {MAX_KEYS} API keys already. Revoke one that is not used.");
                return Err(Error::new(Code::Conflict, message));
            }
            let key = row.clone().insert(txn).await?;
            record(txn, *operator, &key, "api_key.create", *now).await?;
            Ok(key)
        })
    });
    Ok((made.await?, secret))
}

/// The new key without its mistakes.
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
        // Each once: they are read with every request by the key.
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
        mistake("models", "Name at least one model, or leave the list out.".to_owned());
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

/// The last second of the year 9999, which all databases and clients can read.
const LAST_END: i64 = 253_402_300_799;

/// The viewer's own keys, those that have ended too, newest first.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys.
pub async fn list(app: &App, viewer: Viewer, page: PageRequest) -> Result<Page<api_key::Entity>, Error> {
    let (identity, _) = viewer.require_session()?;
    page.load(app.db.read(), api_key::Entity::owned_by(identity.id), Column::Id).await
}

/// Which keys operators ask for; all where nothing is set.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyFilter {
    /// Those of one user.
    pub user_id: Option<i64>,
    /// A part of the name, or how the key begins. A whole key will do: what is secret of it is not looked at.
    pub search: Option<String>,
}

/// Everybody's keys, newest first.
///
/// # Errors
/// INVALID_INPUT for a search that is too long; INTERNAL where the database fails.
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
        // SQLite folds the case of ASCII alone.
        let name = pagination::contains(Func::lower(Expr::col(Column::Name)), &search.to_lowercase());
        keys = keys.filter(Condition::any().add(name).add(pagination::begins_with(Expr::col(Column::Prefix), prefix)));
    }
    page.load(app.db.read(), keys, Column::Id).await
}

/// One key: the viewer's own or, for staff, anybody's.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys; NOT_FOUND also for somebody else's.
pub async fn one(app: &App, viewer: Viewer, key_id: i64) -> Result<Model, Error> {
    let (identity, _) = viewer.require_session()?;
    let key = api_key::Entity::find_by_id(key_id).one(app.db.read()).await?;
    key.filter(|key| key.user_id == identity.id || viewer.require_staff().is_ok())
        .ok_or_else(|| Error::not_found("API key"))
}

/// The models that the viewer may ask, by name; nothing for all.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers, or where the key is gone.
pub async fn models(app: &App, viewer: Viewer) -> Result<Option<Vec<String>>, Error> {
    let Some(id) = viewer.require_authenticated()?.api_key() else { return Ok(None) };
    let key = api_key::Entity::find_by_id(id).one(app.db.read()).await?;
    Ok(key.ok_or_else(Error::unauthenticated)?.allowed_models())
}

/// Ends a key at once: the viewer's own or, for staff, anybody's, which the audit trail tells. Ending it again does
/// nothing.
///
/// # Errors
/// As [`one`]; FORBIDDEN also for the key of an operator unless by a superuser.
pub async fn revoke(app: &App, viewer: Viewer, key_id: i64) -> Result<Model, Error> {
    let key = one(app, viewer, key_id).await?;
    let (identity, _) = viewer.require_session()?;
    let operator = (key.user_id != identity.id).then_some(Actor::User(identity));
    end(app, operator, key.id).await
}

/// Ends the key that begins like this, on the command line.
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

/// Tells what an operator did to somebody's key, once it is certain that the operator may.
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

/// The keys of a user that are good.
fn good(user_id: i64, now: DateTime<Utc>) -> sea_orm::Select<api_key::Entity> {
    api_key::Entity::owned_by(user_id).filter(api_key::valid_at(now))
}

/// Whether a credential is meant to be an API key.
pub(super) fn is_one(credential: &str) -> bool {
    credential.starts_with(MARK)
}

/// The key and its user, if both are good. Its use is noted.
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
        // Beside the request, which need not wait until this is on the disk.
        app.tasks.spawn(note_use(app.clone(), key.id, now));
    }
    Ok(Ok((key, user)))
}

async fn note_use(app: App, key_id: i64, now: DateTime<Utc>) {
    let noted = app.db.write((key_id, now), |txn, &(id, now)| Box::pin(touch(txn, id, now)));
    if let Err(error) = noted.await {
        tracing::warn!(key = key_id, ?error, "the use of an API key could not be noted");
    }
}

async fn touch(txn: &Txn, key_id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    let update = api_key::Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(now));
    update.filter(Column::Id.eq(key_id)).exec(txn).await?;
    Ok(())
}
