//! Creating, changing and deleting groups.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, SqlErr};
use serde_json::{Value, json};

use super::payer::forget_payer;
use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::ids::GroupId;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::group::{self, Column};

/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Maximum length of a description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1000;
/// The name of the default group, until an operator changes it.
const DEFAULT_NAME: &str = "Everyone";

/// A group to be created.
#[derive(Clone, Debug, Default)]
pub struct GroupInput {
    /// The unique name, 1 to 100 characters.
    pub name: String,
    /// What it is for, at most 1000 characters.
    pub description: Option<String>,
}

/// Changes to a group; unset fields stay.
#[derive(Clone, Debug, Default)]
pub struct GroupUpdate {
    /// The name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
}

/// Creates a group with an empty wallet.
///
/// # Errors
/// FORBIDDEN unless by an operator; INVALID_INPUT with all field errors, also for a name that is taken.
pub async fn create(app: &App, actor: Actor, input: GroupInput) -> Result<group::Model, Error> {
    actor.require_operator()?;
    let input = GroupUpdate { name: Some(input.name), description: Some(input.description.unwrap_or_default()) };
    let new = (actor, checked(input)?, app.clock.now());
    let created = app.db.write(new, |txn, (actor, input, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let (name, description) = (input.name.clone(), input.description.clone());
            let created = insert(txn, name.unwrap_or_default(), description.unwrap_or_default(), false, *at).await?;
            record(txn, &actor, Action::GroupCreate, &created, json!({}), *at).await?;
            Ok(created)
        })
    });
    created.await
}

/// Creates the default group, if there is none.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn ensure_default(app: &App) -> Result<(), Error> {
    let default = || group::Entity::find().filter(Column::IsDefault.eq(true));
    if default().one(app.db.read()).await?.is_some() {
        return Ok(());
    }
    let created = app.db.write(app.clock.now(), |txn, at| {
        Box::pin(async move { insert(txn, DEFAULT_NAME.to_owned(), String::new(), true, *at).await })
    });
    match created.await {
        // Another server has created it meanwhile, or an operator has a group of this name.
        Err(Error { code: Code::InvalidInput, .. }) => Ok(()),
        created => created.map(drop),
    }
}

async fn insert(
    txn: &Txn,
    name: String,
    description: String,
    is_default: bool,
    at: DateTime<Utc>,
) -> Result<group::Model, Error> {
    let row = group::ActiveModel {
        id: NotSet,
        name: Set(name),
        description: Set(description),
        is_default: Set(is_default),
        created_at: Set(at),
        updated_at: Set(at),
    };
    let created = row.insert(txn).await.map_err(name_taken)?;
    ledger::create_wallet(txn, created.id.into()).await?;
    Ok(created)
}

/// Changes the name or description of a group.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a group; INVALID_INPUT with all field errors.
pub async fn update(app: &App, actor: Actor, id: GroupId, update: GroupUpdate) -> Result<group::Model, Error> {
    actor.require_operator()?;
    let input = (actor, id, checked(update)?, app.clock.now());
    let changed = app.db.write(input, |txn, (actor, id, update, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let before = lock_group(txn, *id).await?;
            let mut details = serde_json::Map::new();
            let mut row = group::ActiveModel { id: Set(*id), updated_at: Set(*at), ..Default::default() };
            if let Some(name) = update.name.clone().filter(|name| *name != before.name) {
                details.insert("name".to_owned(), json!({ "from": before.name, "to": name }));
                row.name = Set(name);
            }
            if let Some(text) = update.description.clone().filter(|text| *text != before.description) {
                details.insert("description".to_owned(), json!({ "from": before.description, "to": text }));
                row.description = Set(text);
            }
            let after = row.update(txn).await.map_err(name_taken)?;
            record(txn, &actor, Action::GroupUpdate, &after, Value::Object(details), *at).await?;
            Ok(after)
        })
    });
    changed.await
}

/// Deletes a group, and writes off its balance. Its members stay users.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a group; CONFLICT for the default group, and while the group
/// pays for open replies.
pub async fn delete(app: &App, actor: Actor, id: GroupId) -> Result<(), Error> {
    actor.require_operator()?;
    let deleted = app.db.write((actor, id, app.clock.now()), |txn, (actor, id, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let group = lock_group(txn, *id).await?;
            if group.is_default {
                return Err(Error::new(Code::Conflict, "The default group can't be deleted."));
            }
            if ledger::balance_for_update(txn, *id).await?.held > Tokens::ZERO {
                let message = "The group pays for replies that are being generated. Try again when they have ended.";
                return Err(Error::new(Code::Conflict, message));
            }
            let rest = ledger::close_account(txn, *id, actor.id(), *at).await?;
            forget_payer(txn, *id, None).await?;
            group::Entity::delete_by_id(*id).exec(txn).await?;
            record(txn, &actor, Action::GroupDelete, &group, json!({ "written_off": rest }), *at).await
        })
    });
    deleted.await
}

/// Returns the group, whose row is locked until the transaction ends.
///
/// # Errors
/// NOT_FOUND without such a group.
pub(super) async fn lock_group(txn: &Txn, id: GroupId) -> Result<group::Model, Error> {
    let group = group::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    group.ok_or_else(|| Error::not_found("group"))
}

/// Records an action on a group in the audit trail.
pub(super) async fn record(
    txn: &Txn,
    actor: &Actor,
    action: Action,
    group: &group::Model,
    details: Value,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let target = ("group", group.id.0, group.name.as_str());
    audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at }).await
}

/// Validates and trims the texts.
fn checked(update: GroupUpdate) -> Result<GroupUpdate, Error> {
    let mut errors = Vec::new();
    let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
    let update = GroupUpdate { name: trimmed(update.name), description: trimmed(update.description) };
    let is_too_long = |text: &str, most: usize| text.chars().count() > most || text.contains('\0');
    if update.name.as_ref().is_some_and(|name| name.is_empty() || is_too_long(name, MAX_NAME_CHARS)) {
        errors.push(FieldError { field: "name", message: format!("Between 1 and {MAX_NAME_CHARS} characters.") });
    }
    if update.description.as_ref().is_some_and(|text| is_too_long(text, MAX_DESCRIPTION_CHARS)) {
        let message = format!("Use at most {MAX_DESCRIPTION_CHARS} characters.");
        errors.push(FieldError { field: "description", message });
    }
    if errors.is_empty() { Ok(update) } else { Err(Error::invalid(errors)) }
}

fn name_taken(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::field("name", "There is a group of this name already."),
        _ => error.into(),
    }
}
