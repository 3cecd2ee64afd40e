//! The audit trail: actions of operators and their targets. Written in the same transaction as the audited action.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{AuditEventId, UserId};
use crate::core::pagination::{Page, PageRequest, TimeRange};
use crate::core::viewer::{Actor, Staff};
use crate::infra::db::Txn;
use crate::infra::entity::{audit_event, user};

/// An audited action of an operator.
pub struct AuditRecord<'a> {
    /// The action: `user.create`, `balance.adjust`, `chat.delete`, ..
    pub action: &'static str,
    /// The target: kind (`user`, `chat`, `api_key`), id and name. A chat is named by its owner, a key by its prefix.
    pub target: (&'static str, i64, &'a str),
    /// The owner of the target, if it is no user.
    pub owner_id: Option<UserId>,
    /// The changed values. No secrets.
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
        action: Set(record.action.to_owned()),
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

/// A filter of audit events; unset fields match all.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter {
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

/// Replaces a name in the trail once the user's retention period after deletion is over.
const ERASED: &str = "(erased)";

/// Returns the events before `before`.
pub fn old(before: DateTime<Utc>) -> Select<audit_event::Entity> {
    audit_event::Entity::find().filter(audit_event::Column::CreatedAt.lt(before))
}

/// Deletes those of the events `ids` that are before `before`, and returns their number.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn delete_old(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    use audit_event::Column::{CreatedAt, Id};
    let delete = audit_event::Entity::delete_many().filter(Id.is_in(ids.iter().copied())).filter(CreatedAt.lt(before));
    Ok(delete.exec(txn).await?.rows_affected)
}

/// Returns the events that name these users, as actors, targets, or owners of targets.
pub fn named(users: SelectStatement) -> Select<audit_event::Entity> {
    use audit_event::Column::{ActorId, ActorName, TargetName};
    let acted = Condition::all().add(ActorId.in_subquery(users.clone())).add(ActorName.ne(ERASED));
    let suffered = about(users).add(TargetName.ne(ERASED));
    audit_event::Entity::find().filter(Condition::any().add(acted).add(suffered))
}

/// Erases the names of these users in these events, and the texts in the details of actions on them. Numbers stay.
/// Returns the number of events.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn erase_names(txn: &Txn, ids: &[i64], users: SelectStatement) -> Result<u64, Error> {
    use audit_event::Column::{ActorId, ActorName, Id};
    let these = || Id.is_in(ids.iter().copied());
    let acted = audit_event::Entity::update_many().col_expr(ActorName, Expr::value(ERASED)).filter(these());
    acted.filter(ActorId.in_subquery(users.clone())).exec(txn).await?;
    for event in audit_event::Entity::find().filter(these()).filter(about(users)).all(txn).await? {
        let erased = audit_event::ActiveModel {
            id: Set(event.id),
            target_name: Set(ERASED.to_owned()),
            details: Set(without_words(&event.details)),
            ..Default::default()
        };
        erased.update(txn).await?;
    }
    Ok(ids.len() as u64)
}

/// Matches events whose target is one of these users, or is owned by one.
fn about(users: SelectStatement) -> Condition {
    use audit_event::Column::{OwnerId, TargetId, TargetType};
    let themselves = Condition::all().add(TargetType.eq("user")).add(TargetId.in_subquery(users.clone()));
    let theirs = Condition::any().add(themselves).add(OwnerId.in_subquery(users));
    Condition::all().add(theirs)
}

/// Returns the details with numbers and booleans only.
fn without_words(details: &str) -> String {
    let mut details: serde_json::Map<String, serde_json::Value> = serde_json::from_str(details).unwrap_or_default();
    details.retain(|_, value| value.is_number() || value.is_boolean());
    serde_json::Value::Object(details).to_string()
}
