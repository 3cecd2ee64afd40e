//! The context of a message: the system prompt, the earlier chats that fit into the context window, and the message.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::reasoning;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ChatId, ConversationId};
use crate::infra::ai::{Message, Role};
use crate::infra::catalog::Model;
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
    let mut messages = vec![Message::new(Role::User, message)];
    let Some(conversation) = conversation else { return Ok(Context { messages, omitted: 0 }) };
    let system = conversation.system_prompt.as_deref().map(|prompt| Message::new(Role::System, prompt));

    let mut earlier = usable(conversation.id);
    if let Some(replaced) = replaces {
        earlier = earlier.filter(Column::Id.lt(replaced));
    }
    let units = |message: &Message| {
        let blocks: u64 = message.reasoning.iter().map(|block| model.provider.estimate(&block.block)).sum();
        model.provider.estimate(&message.content) + blocks + UNITS_PER_MESSAGE
    };
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
        let mut blocks = match model.provider.wants_reasoning() {
            true => reasoning::of_chats(app, chats.iter().map(|chat| chat.id)).await?,
            false => HashMap::new(),
        };
        for chat in chats {
            let mut reply = Message::new(Role::Assistant, chat.response);
            reply.reasoning = blocks.remove(&chat.id).unwrap_or_default();
            let bytes = reply.size() + chat.message.len();
            if bytes > bytes_left || bytes as u64 > room.saturating_mul(BYTES_PER_UNIT) {
                break 'all;
            }
            bytes_left -= bytes;
            // Collected newest first, and reversed below.
            let exchange = [reply, Message::new(Role::User, chat.message)];
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

/// Returns the chats of a conversation that belong to the context: answered or stopped, with some text, and not replaced.
pub(super) fn usable(conversation_id: ConversationId) -> Select<chat::Entity> {
    chat::Entity::find()
        .filter(Column::ConversationId.eq(conversation_id))
        .filter(Column::ReplacedById.is_null())
        .filter(Column::Status.is_in([Status::Done, Status::Stopped]))
        .filter(Column::Response.ne(""))
}
