//! The context of a message: the system prompt, the earlier chats that fit into the context window, and the message.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::versions;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId};
use crate::infra::ai::{Message, Role};
use crate::infra::catalog::Model;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::conversation;

/// Maximum number of earlier chats considered, for any window, and of those read first, since their texts may be long.
const MAX_CHATS: u64 = 200;
const FIRST_CHATS: u64 = 20;
/// A text of more bytes per remaining model token does not fit, whatever its content: it need not be tokenized.
const BYTES_PER_UNIT: u64 = 64;
/// Maximum size of the texts of earlier chats, in bytes, also for a model with an unlimited window.
const MAX_BYTES: usize = 4 << 20;
/// Maximum number of model tokens that a chat format adds to each message.
const UNITS_PER_MESSAGE: u64 = 16;

/// The context of a message.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// The messages, oldest first; the last one is to be answered.
    pub(super) messages: Vec<Message>,
    /// The number of earlier chats omitted because they do not fit.
    pub(super) omitted: i64,
}

/// Builds the context of a message. Of the conversation's earlier chats the newest are included; for a replacement,
/// only those before the replaced one count.
pub(super) async fn build_context(
    app: &App,
    model: &Model,
    conversation: Option<&conversation::Model>,
    message: &str,
    replaces: Option<ChatId>,
) -> Result<Context, Error> {
    let say = |role, content: &str| Message { role, content: content.to_owned() };
    let mut messages = vec![say(Role::User, message)];
    let Some(conversation) = conversation else { return Ok(Context { messages, omitted: 0 }) };
    let system = conversation.system_prompt.as_deref().map(|prompt| say(Role::System, prompt));

    let mut earlier = usable(conversation.id);
    if let Some(replaced) = replaces {
        earlier = earlier.filter(Column::Id.lt(replaced));
    }
    let units = |message: &Message| model.provider.estimate(&message.content) + UNITS_PER_MESSAGE;
    // At most half of the window is reserved for the reply.
    let window = model.provider.context_window();
    let mut room = window - model.max_output.min(window / 2);
    room = room.saturating_sub(messages.iter().chain(&system).map(units).sum());
    let (mut kept, mut read, mut total, mut before) = (0, 0, None, ChatId(i64::MAX));
    let mut bytes_left = MAX_BYTES;
    'all: for size in [FIRST_CHATS, MAX_CHATS - FIRST_CHATS] {
        let newest = earlier.clone().filter(Column::Id.lt(before)).order_by_desc(Column::Id).limit(size);
        let chats = newest.all(app.db.read()).await?;
        read += chats.len() as u64;
        before = chats.last().map_or(before, |chat| chat.id);
        total = ((chats.len() as u64) < size).then_some(read);
        for chat in chats {
            let bytes = chat.response.len() + chat.message.len();
            if bytes > bytes_left || bytes as u64 > room.saturating_mul(BYTES_PER_UNIT) {
                break 'all;
            }
            bytes_left -= bytes;
            // Collected newest first, and reversed below.
            let exchange = [say(Role::Assistant, &chat.response), say(Role::User, &chat.message)];
            let Some(rest) = room.checked_sub(exchange.iter().map(units).sum()) else { break 'all };
            room = rest;
            kept += 1;
            messages.extend(exchange);
        }
        if total.is_some() {
            break;
        }
    }
    let total = match total {
        Some(total) => total,
        None => earlier.count(app.db.read()).await?,
    };
    messages.extend(system);
    messages.reverse();
    Ok(Context { messages, omitted: i64::try_from(total.saturating_sub(kept)).unwrap_or(i64::MAX) })
}

/// Returns the chats of a conversation that belong to the context: answered, or stopped with some text, and not
/// replaced.
pub(super) fn usable(conversation_id: ConversationId) -> Select<chat::Entity> {
    let stopped = Condition::all().add(Column::Status.eq(Status::Stopped)).add(Column::Response.ne(""));
    chat::Entity::find()
        .filter(Column::ConversationId.eq(conversation_id))
        .filter(Column::ReplacedById.is_null())
        .filter(Condition::any().add(Column::Status.eq(Status::Done)).add(stopped))
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
    let versions = chat::Entity::find().filter(versions::of(by.version_group()));
    if versions.count(txn).await? > versions::MAX_VERSIONS {
        let message = format!("A message has at most {} versions.", versions::MAX_VERSIONS);
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
    }
    Ok(())
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
