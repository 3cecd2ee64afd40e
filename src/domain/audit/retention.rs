//! Retention of the audit trail: deletion of old events, and erasure of the names of deleted users.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, Select};
use serde_json::{Map, Value};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::audit_event;

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

/// Returns the details with numbers and booleans only, also of those that tell a change.
fn without_words(details: &str) -> String {
    let mut details: Map<String, Value> = serde_json::from_str(details).unwrap_or_default();
    details.retain(|_, value| is_plain(value) || value.as_object().is_some_and(|change| change.values().all(is_plain)));
    Value::Object(details).to_string()
}

fn is_plain(value: &Value) -> bool {
    value.is_number() || value.is_boolean()
}

#[cfg(test)]
mod tests {
    #[test]
    fn erased_details_keep_numbers_and_changes_of_them() {
        let erased = |details: &str| super::without_words(details);
        assert_eq!(erased(r#"{"amount":5,"reason":"for mia","own":true}"#), r#"{"amount":5,"own":true}"#);
        assert_eq!(erased(r#"{"active":{"from":true,"to":false}}"#), r#"{"active":{"from":true,"to":false}}"#);
        assert_eq!(erased(r#"{"name":{"from":"mia","to":"tom"}}"#), "{}");
        assert_eq!(erased("no JSON"), "{}");
    }
}
