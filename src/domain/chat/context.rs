//! What the model gets to see: the system prompt, the earlier chats that its window has room for, and the message.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::infra::ai::{Message, Role};
use crate::infra::catalog::Model;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::conversation;

/// Earlier chats that are looked at, whatever the window; those first are read first, since their texts may be long.
const MAX_CHATS: u64 = 200;
const FIRST_CHATS: u64 = 20;
/// A text of more bytes than this for each unit that there is room for does not fit, whatever it says: it need not be read.
const BYTES_PER_UNIT: u64 = 64;
/// Units that a chat format adds to each message, at most.
const UNITS_PER_MESSAGE: u64 = 16;

/// What the model gets to see.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// Oldest first; the last one is to be answered.
    pub(super) messages: Vec<Message>,
    /// Earlier chats that there was no room for.
    pub(super) left_out: i64,
}

/// Gathers the context of a message. Of the earlier chats of the conversation the newest are kept; where one is to be
/// replaced, only those before it count.
pub(super) async fn build_context(
    app: &App,
    model: &Model,
    conversation: Option<&conversation::Model>,
    message: &str,
    replaces: Option<i64>,
) -> Result<Context, Error> {
    let say = |role, content: &str| Message { role, content: content.to_owned() };
    let mut messages = vec![say(Role::User, message)];
    let Some(conversation) = conversation else { return Ok(Context { messages, left_out: 0 }) };
    let system = conversation.system_prompt.as_deref().map(|prompt| say(Role::System, prompt));

    let mut earlier = usable(conversation.id);
    if let Some(replaced) = replaces {
        earlier = earlier.filter(Column::Id.lt(replaced));
    }
    let units = |message: &Message| model.provider.estimate(&message.content) + UNITS_PER_MESSAGE;
    // Half of the window at the most is kept free for the reply.
    let window = model.provider.context_window();
    let mut room = window - model.max_output.min(window / 2);
    room = room.saturating_sub(messages.iter().chain(&system).map(units).sum());
    let (mut kept, mut read, mut total, mut before) = (0, 0, None, i64::MAX);
    'all: for size in [FIRST_CHATS, MAX_CHATS - FIRST_CHATS] {
        let newest = earlier.clone().filter(Column::Id.lt(before)).order_by_desc(Column::Id).limit(size);
        let chats = newest.all(app.db.read()).await?;
        read += chats.len() as u64;
        before = chats.last().map_or(before, |chat| chat.id);
        total = ((chats.len() as u64) < size).then_some(read);
        for chat in chats {
            if (chat.response.len() + chat.message.len()) as u64 > room.saturating_mul(BYTES_PER_UNIT) {
                break 'all;
            }
            // Gathered backwards, and turned round below.
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
    Ok(Context { messages, left_out: i64::try_from(total.saturating_sub(kept)).unwrap_or(i64::MAX) })
}

/// The chats of a conversation that are context for the next: answered, or stopped with some text, and not replaced.
fn usable(conversation_id: i64) -> Select<chat::Entity> {
    let stopped = Condition::all().add(Column::Status.eq(Status::Stopped)).add(Column::Response.ne(""));
    chat::Entity::find()
        .filter(Column::ConversationId.eq(conversation_id))
        .filter(Column::ReplacedById.is_null())
        .filter(Condition::any().add(Column::Status.eq(Status::Done)).add(stopped))
}

/// Takes a chat, and what was said after it, out of the context in favour of a new one.
///
/// # Errors
/// CONFLICT where the chat was replaced already or is still open; then nothing is changed.
pub(super) async fn replace(txn: &Txn, replaced: i64, by: &chat::Model) -> Result<(), Error> {
    // Guarded, so that of two who replace the same chat at once one does.
    let marked = chat::Entity::update_many()
        .col_expr(Column::ReplacedById, Expr::value(by.id))
        .filter(Column::Id.eq(replaced))
        .filter(Column::UserId.eq(by.user_id))
        .filter(Column::ReplacedById.is_null())
        .filter(Column::Status.ne(Status::Pending))
        .exec(txn)
        .await?;
    if marked.rows_affected == 0 {
        let message = "This chat is still being answered, or another one has taken its place already.";
        return Err(Error::new(Code::Conflict, message));
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

/// Puts back what these chats took the place of, since nothing came of them.
pub(super) async fn restore_replaced(txn: &Txn, by: impl Iterator<Item = i64>) -> Result<(), Error> {
    let by: Vec<i64> = by.collect();
    if by.is_empty() {
        return Ok(());
    }
    chat::Entity::update_many()
        .col_expr(Column::ReplacedById, Expr::value(None::<i64>))
        .filter(Column::ReplacedById.is_in(by))
        .exec(txn)
        .await?;
    Ok(())
}
