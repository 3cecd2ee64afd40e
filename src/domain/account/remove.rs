//! Removal of an account and of everything that belongs to it, by its user or by an operator.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::{chat, conversation, user};

/// Checks that a user may be removed.
///
/// # Errors
/// CONFLICT for the last active superuser.
pub(super) async fn check_removable(txn: &Txn, user: &user::Model) -> Result<(), Error> {
    if user.is_active && user.is_superuser {
        keep_a_superuser(txn, user.id).await?;
    }
    Ok(())
}

/// Deletes the closed chats and the conversations of an account that is about to be removed, in batches: other writes,
/// and those that need the user's row, wait for one batch and not for thousands of chats.
///
/// # Errors
/// As [`Db::write`](crate::infra::db::Db::write); batches already deleted stay deleted, and a retry deletes the rest.
pub(super) async fn delete_contents(app: &App, user_id: UserId) -> Result<(), Error> {
    while app.db.write(user_id, |txn, id| Box::pin(delete_some_chats(txn, *id))).await? >= BATCH {}
    while app.db.write(user_id, |txn, id| Box::pin(delete_some_conversations(txn, *id))).await? >= BATCH {}
    Ok(())
}

/// Removes a user whose row is locked, and everything that belongs to it.
pub(super) async fn remove(txn: &Txn, actor: &Actor, user: &user::Model, at: DateTime<Utc>) -> Result<(), Error> {
    check_removable(txn, user).await?;
    let rest = ledger::close_account(txn, user.id, actor.id(), at).await?;
    let target = ("user", user.id.0, user.username.as_str());
    let record =
        AuditRecord { action: Action::UserDelete, target, owner_id: None, details: json!({ "written_off": rest }), at };
    audit::record(txn, actor, record).await?;
    user::Entity::delete_by_id(user.id).exec(txn).await?;
    Ok(())
}

pub(super) async fn keep_a_superuser(txn: &Txn, leaving: UserId) -> Result<(), Error> {
    // Locked, so that of two superusers who remove each other concurrently one stays.
    let other = user::Entity::find()
        .filter(user::Column::IsSuperuser.eq(true))
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::Id.ne(leaving))
        .lock_exclusive()
        .one(txn)
        .await?;
    other.map(drop).ok_or_else(|| Error::new(Code::Conflict, "This is the last active superuser."))
}

/// Rows deleted in one transaction.
const BATCH: u64 = 500;

async fn delete_some_chats(txn: &Txn, user_id: UserId) -> Result<u64, Error> {
    let closed = chat::Entity::owned_by(user_id).filter(chat::Column::Status.ne(chat::Status::Pending));
    let some = closed.order_by_asc(chat::Column::Id).limit(BATCH).select_only().column(chat::Column::Id);
    let ids: Vec<ChatId> = some.into_tuple().all(txn).await?;
    Ok(chat::Entity::delete_many().filter(chat::Column::Id.is_in(ids)).exec(txn).await?.rows_affected)
}

/// Deletes conversations without chats: those with open chats are deleted with the account.
async fn delete_some_conversations(txn: &Txn, user_id: UserId) -> Result<u64, Error> {
    let own = Expr::col((chat::Entity, chat::Column::ConversationId))
        .equals((conversation::Entity, conversation::Column::Id));
    let chats = Query::select().expr(Expr::val(1)).from(chat::Entity).and_where(own).take();
    let empty = conversation::Entity::find()
        .filter(conversation::Column::UserId.eq(user_id))
        .filter(Expr::exists(chats).not())
        .limit(BATCH);
    let ids: Vec<ConversationId> = empty.select_only().column(conversation::Column::Id).into_tuple().all(txn).await?;
    let delete = conversation::Entity::delete_many().filter(conversation::Column::Id.is_in(ids));
    Ok(delete.exec(txn).await?.rows_affected)
}
