//! The audit trail: actions of operators and their targets. Written in the same transaction as the audited action.

mod action;
mod retention;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, Iterable, QueryFilter};
use serde::Serialize;
use serde_json::json;

pub use self::action::Action;
pub use self::retention::{delete_old, erase_names, named, old};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{AuditEventId, UserId};
use crate::core::pagination::{Page, PageRequest, TimeRange};
use crate::core::viewer::{Actor, Staff};
use crate::infra::db::Txn;
use crate::infra::entity::{audit_event, user};

/// An audited action of an operator.
pub struct AuditRecord<'a> {
    /// The action.
    pub action: Action,
    /// The target: kind (`user`, `chat`, `api_key`, `provider`, `model`, `group`, `webhook`, `server`), id and name. A chat is
    /// named by its owner, a key by its prefix, a server by its listen address and without an id (0).
    pub target: (&'static str, i64, &'a str),
    /// The owner of the target, if it is no user.
    pub owner_id: Option<UserId>,
    /// The changed values, each as [`change`], or what else tells the action. No secrets.
    pub details: serde_json::Value,
    /// The time of the action.
    pub at: DateTime<Utc>,
}

/// Records an audited action.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn record(txn: &Txn, actor: &Actor, record: AuditRecord<'_>) -> Result<(), Error> {
    let actor_name = match actor.id() {
        Some(id) => user::Entity::find_by_id(id).one(txn).await?.map(|user| user.username).unwrap_or_default(),
        None if matches!(actor, Actor::Server) => "(server)".to_owned(),
        None => "(command line)".to_owned(),
    };
    let (target_type, target_id, target_name) = record.target;
    let row = audit_event::ActiveModel {
        id: NotSet,
        actor_id: Set(actor.id()),
        actor_name: Set(actor_name),
        action: Set(record.action.name().to_owned()),
        target_type: Set(target_type.to_owned()),
        target_id: Set(target_id),
        owner_id: Set(record.owner_id),
        target_name: Set(target_name.to_owned()),
        details: Set(record.details.to_string()),
        created_at: Set(record.at),
    };
    row.insert(txn).await?;
    Ok(())
}

/// Returns the details of a change from one value to another: `{"from": true, "to": false}`.
pub fn change<T: Serialize>(from: T, to: T) -> serde_json::Value {
    json!({ "from": from, "to": to })
}

/// A filter of audit events; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The actions; all if `None`.
    pub actions: Option<Vec<Action>>,
    /// The user who acted.
    pub actor_id: Option<UserId>,
    /// The target: its kind, as in [`AuditRecord::target`], and its id. For a user, what they own is included.
    pub target: Option<(&'static str, i64)>,
    /// The time range.
    pub period: TimeRange,
}

/// Returns the audit trail, newest first, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn trail(
    app: &App,
    _: Staff,
    filter: AuditFilter,
    page: PageRequest,
) -> Result<Page<audit_event::Entity>, Error> {
    let mut events = audit_event::Entity::find();
    if let Some(id) = filter.actor_id {
        events = events.filter(audit_event::Column::ActorId.eq(id));
    }
    if let Some(actions) = filter.actions {
        let names = Action::iter().filter(|action| actions.contains(action)).map(Action::name);
        events = events.filter(audit_event::Column::Action.is_in(names));
    }
    if let Some((kind, id)) = filter.target {
        let it =
            Condition::all().add(audit_event::Column::TargetType.eq(kind)).add(audit_event::Column::TargetId.eq(id));
        let theirs = (kind == "user").then(|| audit_event::Column::OwnerId.eq(id));
        events = events.filter(Condition::any().add(it).add_option(theirs));
    }
    let (created_at, id) = (audit_event::Column::CreatedAt, audit_event::Column::Id);
    let events = filter.period.filter_with_id_bounds(app.db.read(), events, created_at, id).await?;
    page.load(app.db.read(), events, id).await
}

/// Returns one event, for staff.
///
/// # Errors
/// NOT_FOUND without such an event.
pub async fn find(app: &App, _: Staff, event_id: AuditEventId) -> Result<audit_event::Model, Error> {
    let event = audit_event::Entity::find_by_id(event_id).one(app.db.read()).await?;
    event.ok_or_else(|| Error::not_found("audit event"))
}
