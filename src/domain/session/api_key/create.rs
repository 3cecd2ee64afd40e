//! Creating a key.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, PaginatorTrait, QueryFilter};

use super::audit::record;
use super::secret;
use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::ids::{GroupId, UserId};
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Owner, Scope, Scopes};
use crate::domain::audit::Action;
use crate::domain::ledger;
use crate::infra::entity::api_key::{self, AllowedModels, Day, Model, Month};

/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Maximum number of models that a key may be restricted to.
const MAX_MODELS: usize = 100;
/// Maximum number of valid keys per user.
const MAX_KEYS: u64 = 100;
/// The last second of the year 9999, which all databases and clients can represent.
const LAST_END: i64 = 253_402_300_799;

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
    /// The group that pays; `None` for the default of the owner.
    pub payer: Option<GroupId>,
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
/// INVALID_INPUT with all field errors; CONFLICT if the user has too many keys.
pub async fn create(app: &App, owner: Owner, new: NewApiKey) -> Result<(Model, String), Error> {
    insert(app, None, owner.id, new).await
}

/// Does the same as [`create`] for another user, on the command line. Recorded in the audit trail.
///
/// # Errors
/// As [`create`]; NOT_FOUND without such a user.
pub async fn create_for(app: &App, user_id: UserId, new: NewApiKey) -> Result<(Model, String), Error> {
    insert(app, Some(Actor::CommandLine), user_id, new).await
}

async fn insert(app: &App, operator: Option<Actor>, user_id: UserId, new: NewApiKey) -> Result<(Model, String), Error> {
    let now = app.clock.now();
    let new = checked(app, new, now)?;
    let (secret, prefix) = secret::generate(app);
    let row = api_key::ActiveModel {
        id: NotSet,
        user_id: Set(user_id),
        name: Set(new.name),
        prefix: Set(prefix),
        secret_hash: Set(app.api_key_hasher.of(secret.as_bytes())),
        scopes: Set(Scopes::new(new.scopes)),
        models: Set(new.models.map(AllowedModels::new)),
        total_limit: Set(new.limits.total),
        daily_limit: Set(new.limits.per_day),
        monthly_limit: Set(new.limits.per_month),
        held: Set(Tokens::ZERO),
        spent: Set(Tokens::ZERO),
        day: Set(Day::default()),
        spent_in_day: Set(Tokens::ZERO),
        month: Set(Month::default()),
        spent_in_month: Set(Tokens::ZERO),
        payer_group_id: Set(new.payer),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        last_used_at: Set(None),
        revoked_at: Set(None),
    };
    let made = app.db.write((operator, user_id, row, new.payer, now), |txn, (operator, user_id, row, payer, now)| {
        Box::pin(async move {
            // Locked, so that concurrent creations cannot exceed the maximum.
            ledger::find_for_update(txn, *user_id).await?;
            if valid(*user_id, *now).count(txn).await? >= MAX_KEYS {
                let message = format!("There are {MAX_KEYS} API keys already. Revoke an unused one.");
                return Err(Error::new(Code::Conflict, message));
            }
            ledger::check_payer(txn, *user_id, *payer).await?;
            let key = row.clone().insert(txn).await?;
            record(txn, *operator, &key, Action::ApiKeyCreate, *now).await?;
            Ok(key)
        })
    });
    Ok((made.await?, secret))
}

/// Returns the valid keys of a user.
fn valid(user_id: UserId, now: DateTime<Utc>) -> sea_orm::Select<api_key::Entity> {
    api_key::Entity::owned_by(user_id).filter(api_key::valid_at(now))
}

/// Validates a new key.
fn checked(app: &App, mut new: NewApiKey, now: DateTime<Utc>) -> Result<NewApiKey, Error> {
    let mut errors = Vec::new();
    let mut add_error = |field, message: String| errors.push(FieldError { field, message });
    new.name = new.name.trim().to_owned();
    if new.name.is_empty() || new.name.chars().count() > MAX_NAME_CHARS || new.name.contains('\0') {
        add_error("name", format!("Between 1 and {MAX_NAME_CHARS} characters."));
    }
    if new.scopes.is_empty() {
        new.scopes.push(Scope::Completions);
    }
    if let Some(models) = &mut new.models {
        // Deduplicated: they are read with every request by the key.
        let mut seen = HashSet::new();
        models.retain(|name| seen.insert(name.clone()));
        if models.len() > MAX_MODELS {
            add_error("models", format!("Use at most {MAX_MODELS} names."));
        }
    }
    let named = new.models.as_ref().filter(|models| models.len() <= MAX_MODELS);
    for name in named.into_iter().flatten() {
        // The command line runs without the models themselves.
        if app.models().get(Some(name)).is_none() && !app.config().models.contains_key(name) {
            add_error("models", format!("There is no model {name}."));
        }
    }
    if new.models.as_ref().is_some_and(Vec::is_empty) {
        add_error("models", "Name at least one model, or omit the list.".to_owned());
    }
    if new.expires_at.is_some_and(|end| end <= now || end.timestamp() > LAST_END) {
        add_error("expires_at", "Between now and the year 9999.".to_owned());
    }
    let SpendingLimits { total, per_day, per_month } = new.limits;
    for (field, limit) in [("total", total), ("per_day", per_day), ("per_month", per_month)] {
        if limit.is_some_and(|limit| limit <= Tokens::ZERO || limit > Tokens::MAX_BALANCE) {
            add_error(field, "At least 1.".to_owned());
        }
    }
    if errors.is_empty() { Ok(new) } else { Err(Error::invalid(errors)) }
}
