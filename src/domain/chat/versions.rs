//! Versions of a message: the chats of which each replaces another one. One of them is in the context, with what was
//! said after it; the others are kept, each with its own continuation, and can be chosen again.
//!
//! What is not in the context names the chat that took its place (`replaced_by_id`):
//!
//! - A new version `n` of `v` takes the place of `v` and of its continuation: all of them name `n`, and are older.
//! - A version `v` that is chosen takes the place of the version `c` in the context: `c` names `v`. The continuation of
//!   `c` names `c`, and is newer than `c`.
//!
//! So those that name `c`, are no versions of the same message, and are newer than `c`, are its continuation; those
//! that are older are the continuation of the version that `c` replaced when it was new. [`choose`] turns the second
//! form into the first before it adds to it, so that both stay unambiguous. A chat whose place was taken by one that is
//! deleted names itself.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::changes::{Change, ChangeKind};
use super::context::usable;
use super::conversation;
use super::history::find;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::viewer::Writer;
use crate::infra::db::Txn;
use crate::infra::entity;
use crate::infra::entity::chat::{self, Column, Status};

/// A chat that a message replaces, as a new version of the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplacedChat {
    pub(super) id: ChatId,
    /// The version that is in the context: another one if this one failed without any text, which restored it.
    pub(super) in_context_id: ChatId,
    /// The first version of the message.
    pub(super) first_version_id: ChatId,
}

/// Maximum number of versions of one message.
pub const MAX_VERSIONS: u64 = 50;

/// Returns the condition for the versions of a message, by the id of the first one.
pub(super) fn of(group: ChatId) -> Condition {
    Condition::any().add(Column::Id.eq(group)).add(Column::FirstVersionId.eq(group))
}

/// Returns the condition for all chats but the versions of a message.
fn others(group: ChatId) -> Condition {
    let is_later = Column::FirstVersionId.eq(group).not();
    let other = Condition::any().add(Column::FirstVersionId.is_null()).add(is_later);
    Condition::all().add(Column::Id.ne(group)).add(other)
}

fn one(id: ChatId) -> Condition {
    Condition::all().add(Column::Id.eq(id))
}

/// Returns what a new version of the message of a chat replaces.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn replaced_chat(app: &App, chat: &chat::Model) -> Result<ReplacedChat, Error> {
    let (id, first_version_id) = (chat.id, chat.version_group());
    let mut in_context_id = id;
    if let Some(conversation_id) = chat.conversation_id.filter(|_| chat.response.is_empty()) {
        let restored = usable(conversation_id).filter(of(first_version_id)).select_only().column(Column::Id);
        in_context_id = restored.into_tuple().one(app.db.read()).await?.unwrap_or(id);
    }
    Ok(ReplacedChat { id, in_context_id, first_version_id })
}

/// Marks a chat, and those after it, as replaced in the context by a new one.
///
/// # Errors
/// CONFLICT if the chat was replaced already or is still open; INVALID_INPUT if its message has too many versions. The
/// caller then rolls the transaction back.
pub(super) async fn replace(txn: &Txn, replaced: ChatId, by: &chat::Model) -> Result<(), Error> {
    // Guarded, so that of two concurrent replacements of the same chat only one succeeds.
    let marked = chat::Entity::update_many()
        .col_expr(Column::ReplacedById, Expr::value(by.id))
        .filter(Column::Id.eq(replaced))
        .filter(Column::UserId.eq(by.user_id))
        .filter(Column::ReplacedById.is_null())
        .filter(Column::Status.ne(Status::Pending))
        .exec(txn)
        .await?;
    if marked.rows_affected == 0 {
        let message = "This chat is still open, or was replaced already.";
        return Err(Error::new(Code::Conflict, message));
    }
    let versions = chat::Entity::find().filter(of(by.version_group()));
    if versions.count(txn).await? > MAX_VERSIONS {
        let message = format!("A message has at most {} versions.", MAX_VERSIONS);
        return Err(Error::field("chat_id", message));
    }
    if let Some(conversation_id) = by.conversation_id {
        chat::Entity::update_many()
            .col_expr(Column::ReplacedById, Expr::value(by.id))
            .filter(Column::ConversationId.eq(conversation_id))
            .filter(Column::Id.gt(replaced))
            .filter(Column::Id.lt(by.id))
            .filter(Column::ReplacedById.is_null())
            .exec(txn)
            .await?;
        follow_first_message(txn, conversation_id, replaced, by).await?;
    }
    Ok(())
}

/// Lets the title of the conversation follow its first message, if `chat` has taken the place of that.
async fn follow_first_message(
    txn: &Txn,
    conversation_id: ConversationId,
    replaced: ChatId,
    chat: &chat::Model,
) -> Result<(), Error> {
    let in_context =
        chat::Entity::find().filter(Column::ConversationId.eq(conversation_id)).filter(Column::ReplacedById.is_null());
    let first = in_context.order_by_asc(Column::Id).select_only().column(Column::Id);
    if first.into_tuple().one(txn).await? != Some(chat.id) {
        return Ok(());
    }
    let old = chat::Entity::find_by_id(replaced).select_only().column(Column::Message);
    let old: Option<String> = old.into_tuple().one(txn).await?;
    conversation::retitle(txn, conversation_id, &old.unwrap_or_default(), &chat.message).await
}

/// Restores the chats that these have replaced, since they produced no text.
pub(super) async fn restore_replaced(txn: &Txn, by: impl Iterator<Item = ChatId>) -> Result<(), Error> {
    let by: Vec<ChatId> = by.collect();
    if by.is_empty() {
        return Ok(());
    }
    chat::Entity::update_many()
        .col_expr(Column::ReplacedById, Expr::value(None::<ChatId>))
        .filter(Column::ReplacedById.is_in(by))
        .exec(txn)
        .await?;
    Ok(())
}

/// Chooses a version of a message of one of the viewer's conversations: it returns to the context with its own
/// continuation, and takes the place of the version that is there, with all that was said after that. The next message
/// continues from it. Nothing is charged. A version that is in the context stays as it is.
///
/// # Errors
/// NOT_FOUND also for a chat of another user; INVALID_INPUT for a chat without a conversation; CONFLICT while a chat of
/// the conversation is open, or if no version of the message is in the context.
pub async fn choose(app: &App, writer: Writer, chat_id: ChatId) -> Result<chat::Model, Error> {
    let chat = find(app, writer.reader(), chat_id).await?;
    let Some(conversation_id) = chat.conversation_id else {
        return Err(Error::field("chat_id", "The chat belongs to no conversation."));
    };
    let chosen = app.db.write((conversation_id, chat_id), |txn, &(conversation_id, chat_id)| {
        Box::pin(choose_in(txn, conversation_id, chat_id))
    });
    chosen.await?;
    let chosen = find(app, writer.reader(), chat_id).await?;
    Change::of_chat(ChangeKind::VersionChosen, &chosen).publish(&app.bus, chosen.user_id);
    Ok(chosen)
}

async fn choose_in(txn: &Txn, conversation_id: ConversationId, chat_id: ChatId) -> Result<(), Error> {
    // Locked, so that no chat is opened meanwhile: opening one updates this row.
    entity::conversation::Entity::find_by_id(conversation_id).lock_exclusive().one(txn).await?;
    let chosen =
        chat::Entity::find_by_id(chat_id).lock_exclusive().one(txn).await?.ok_or_else(|| Error::not_found("chat"))?;
    let all = chat::Entity::find().filter(Column::ConversationId.eq(conversation_id));
    let open = all.clone().filter(Column::Status.eq(Status::Pending)).select_only().column(Column::Id);
    if open.into_tuple::<ChatId>().one(txn).await?.is_some() {
        return Err(Error::new(
            Code::Conflict,
            "An answer of this conversation is in progress. Wait for it, or stop it.",
        ));
    }
    if chosen.replaced_by_id.is_none() {
        return Ok(());
    }
    let group = chosen.version_group();
    let current = all.filter(of(group)).filter(Column::ReplacedById.is_null()).order_by_asc(Column::Id);
    let current = current.lock_exclusive().select_only().column(Column::Id).into_tuple::<ChatId>().one(txn).await?;
    let Some(current) = current else {
        let message =
            "No version of this message is in the conversation now. Choose a version of an earlier one first.";
        return Err(Error::new(Code::Conflict, message));
    };
    settle_continuation(txn, chosen.id, group).await?;
    // First those after the current version: these are in the context, and newer.
    let in_context =
        Condition::all().add(Column::ConversationId.eq(conversation_id)).add(Column::ReplacedById.is_null());
    set_replaced_by(txn, Expr::value(current), in_context.add(Column::Id.gt(current))).await?;
    set_replaced_by(txn, Expr::value(chosen.id), one(current)).await?;
    restore(txn, &chosen).await?;
    follow_first_message(txn, conversation_id, current, &chosen).await
}

/// Returns a version to the context, with its continuation.
async fn restore(txn: &Txn, version: &chat::Model) -> Result<(), Error> {
    let group = version.version_group();
    let named = |by: ChatId| Condition::all().add(Column::ReplacedById.eq(by)).add(Column::Id.gt(version.id));
    let mut continuation = Condition::any().add(named(version.id));
    if let Some(by) = version.replaced_by_id {
        // Replaced together with the version, when `by` was new.
        continuation = continuation.add(named(by).add(Column::Id.lt(by)));
    }
    let continuation = Condition::all().add(continuation).add(others(group));
    set_replaced_by(txn, Expr::value(None::<ChatId>), continuation).await?;
    set_replaced_by(txn, Expr::value(None::<ChatId>), one(version.id)).await
}

/// Lets the continuation of the version that `version` replaced when it was new name that version instead.
async fn settle_continuation(txn: &Txn, version: ChatId, group: ChatId) -> Result<(), Error> {
    let replaced = Condition::all().add(Column::ReplacedById.eq(version)).add(Column::Id.lt(version));
    // One without any text had no continuation: it restored the version before it.
    let head = chat::Entity::find().filter(replaced.clone()).filter(of(group)).filter(Column::Response.ne(""));
    let head = head.order_by_desc(Column::Id);
    let head = head.select_only().column(Column::Id).into_tuple::<ChatId>().one(txn).await?;
    // Without the version, which is deleted then, they are no continuation.
    let by = head.map_or_else(|| Expr::col(Column::Id), Expr::value);
    set_replaced_by(txn, by, replaced.add(others(group))).await
}

async fn set_replaced_by(txn: &Txn, by: Expr, which: Condition) -> Result<(), Error> {
    chat::Entity::update_many().col_expr(Column::ReplacedById, by).filter(which).exec(txn).await?;
    Ok(())
}

/// Prepares the deletion of a chat, so that what it replaced does not return to the context beside another version. If
/// it is the last chat in the context, the newest of the versions that it replaced returns.
pub(super) async fn detach(txn: &Txn, id: ChatId) -> Result<(), Error> {
    let named = Condition::all().add(Column::ReplacedById.eq(id)).add(Column::Id.ne(id));
    let Some(chat) = chat::Entity::find_by_id(id).one(txn).await? else { return Ok(()) };
    let replaced = chat::Entity::find().filter(named.clone()).filter(of(chat.version_group()));
    let newest = replaced.order_by_desc(Column::Id).one(txn).await?;
    if let Some(newest) = newest.filter(|_| chat.replaced_by_id.is_none())
        && !is_continued(txn, &chat).await?
    {
        restore(txn, &newest).await?;
    }
    set_replaced_by(txn, Expr::col(Column::Id), named).await
}

async fn is_continued(txn: &Txn, chat: &chat::Model) -> Result<bool, Error> {
    let Some(conversation_id) = chat.conversation_id else { return Ok(false) };
    let later = usable(conversation_id).filter(Column::Id.gt(chat.id)).select_only().column(Column::Id);
    Ok(later.into_tuple::<ChatId>().one(txn).await?.is_some())
}

/// Prepares the deletion of many chats: what they replaced stays out of the context.
pub(super) async fn detach_all(txn: &Txn, deleted: &Condition) -> Result<(), Error> {
    let ids = chat::Entity::find().filter(deleted.clone()).select_only().column(Column::Id);
    let named = Column::ReplacedById.in_subquery(sea_orm::QueryTrait::into_query(ids));
    set_replaced_by(txn, Expr::col(Column::Id), Condition::all().add(named)).await
}

/// Returns the ids of the versions of some messages, oldest first, by the id of the first version and by the user.
/// Messages with one version are omitted.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn versions(app: &App, groups: &[ChatId]) -> Result<HashMap<(ChatId, UserId), Vec<ChatId>>, Error> {
    let columns = [Column::FirstVersionId, Column::UserId, Column::Id];
    let later = chat::Entity::find().filter(Column::FirstVersionId.is_in(groups.iter().copied()));
    let later = later.order_by_asc(Column::Id).select_only().columns(columns);
    let later: Vec<(ChatId, UserId, ChatId)> = later.into_tuple().all(app.db.read()).await?;
    let mut found: HashMap<_, Vec<ChatId>> = HashMap::new();
    for (group, user_id, id) in later {
        found.entry((group, user_id)).or_default().push(id);
    }
    // The first ones, unless they are deleted.
    let firsts = chat::Entity::find().filter(Column::Id.is_in(found.keys().map(|(group, _)| *group)));
    let firsts = firsts.select_only().columns([Column::Id, Column::UserId]);
    let firsts: Vec<(ChatId, UserId)> = firsts.into_tuple().all(app.db.read()).await?;
    for first in firsts {
        if let Some(ids) = found.get_mut(&first) {
            ids.insert(0, first.0);
        }
    }
    Ok(found)
}
