//! Retention of chats and conversations. Open chats are never removed; the ledger keeps its entries.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use super::versions;
use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::conversation;

/// Returns the chats before `before`, unless they are open.
pub fn chats(before: DateTime<Utc>) -> Select<chat::Entity> {
    chat::Entity::find().filter(ended(before))
}

/// Deletes those of the chats `ids` that are before `before` and not open, and returns their number.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn delete_chats(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let these = ended(before).add(chat::Column::Id.is_in(ids.iter().copied()));
    versions::detach_all(txn, &these).await?;
    let delete = chat::Entity::delete_many().filter(these);
    Ok(delete.exec(txn).await?.rows_affected)
}

fn ended(before: DateTime<Utc>) -> Condition {
    Condition::all().add(chat::Column::CreatedAt.lt(before)).add(chat::Column::Status.ne(Status::Pending))
}

/// Returns the conversations without chats that had no message since `before`.
pub fn conversations(before: DateTime<Utc>) -> Select<conversation::Entity> {
    conversation::Entity::find().filter(silent(before))
}

/// Deletes those of the conversations `ids` that still match, and returns their number. A message that is just being
/// sent makes its conversation active first, so that it is kept.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn delete_conversations(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let these = conversation::Column::Id.is_in(ids.iter().copied());
    let delete = conversation::Entity::delete_many().filter(these).filter(silent(before));
    Ok(delete.exec(txn).await?.rows_affected)
}

fn silent(before: DateTime<Utc>) -> Condition {
    let own = Expr::col((chat::Entity, chat::Column::ConversationId))
        .equals((conversation::Entity, conversation::Column::Id));
    let chats = Query::select().expr(Expr::val(1)).from(chat::Entity).and_where(own).take();
    Condition::all().add(conversation::Column::ActiveAt.lt(before.timestamp_micros())).add(Expr::exists(chats).not())
}
