//! Sending messages.

use super::begin::{AfterTurn, StartRequest, Started, begin};
use super::finished_chat::FinishedChat;
use super::history::find;
use super::prepare::{SendMessage, prepare_message};
use super::reply_stream::wait_until_finished;
use super::title;
use super::versions::{ReplacedChat, replaced_chat};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::core::viewer::Writer;
use crate::infra::entity::chat;

/// A retry of a chat, with the same message or an edited one.
#[derive(Clone, Debug, Default)]
pub struct ReplaceMessage {
    /// The chat to be replaced in the context.
    pub chat_id: ChatId,
    /// The new text of the message; defaults to the old one.
    pub message: Option<String>,
    /// The name of the model; defaults to the old one.
    pub model: Option<String>,
    /// Idempotency key: a duplicate returns the first chat.
    pub idempotency_key: Option<String>,
}

/// Sends a message and waits until its chat is closed.
///
/// The failure of a model is no error here: the chat is closed, and [`FinishedChat::failure`] returns its error.
///
/// # Errors
/// INVALID_INPUT for an invalid message or model; NOT_FOUND for a conversation of another user; INSUFFICIENT_TOKENS;
/// RATE_LIMITED with too many open turns; CONFLICT if the idempotency key was used for a different message. Nothing is
/// stored or charged then.
pub async fn send(app: &App, writer: Writer, input: SendMessage) -> Result<FinishedChat, Error> {
    match start_message(app, writer, input, None).await? {
        Started::New { end, .. } => end.await.map_err(|error| Error::internal(error))?,
        Started::Duplicate(chat) => wait_until_finished(app, chat.id).await,
    }
}

/// Sends a message and returns as soon as the hold is taken: the chat is PENDING, and its turn runs in the background.
///
/// # Errors
/// As [`send`].
pub async fn start(app: &App, writer: Writer, input: SendMessage) -> Result<chat::Model, Error> {
    match start_message(app, writer, input, None).await? {
        Started::New { chat, .. } | Started::Duplicate(chat) => Ok(*chat),
    }
}

/// Starts a chat that replaces an earlier one: the earlier one, and those after it, leave the context of the
/// conversation and stay in the history. They are restored if the new one fails without any text.
///
/// # Errors
/// As [`send`]; NOT_FOUND also for a chat of another user; CONFLICT if the chat was replaced already, or is still open.
pub async fn replace(app: &App, writer: Writer, input: ReplaceMessage) -> Result<chat::Model, Error> {
    let before = find(app, writer.reader(), input.chat_id).await?;
    let replaced = replaced_chat(app, &before).await?;
    let send = SendMessage {
        message: input.message.unwrap_or(before.message),
        model: Some(input.model.unwrap_or(before.model)),
        idempotency_key: input.idempotency_key,
        conversation_id: before.conversation_id,
    };
    match start_message(app, writer, send, Some(replaced)).await? {
        Started::New { chat, .. } | Started::Duplicate(chat) => Ok(*chat),
    }
}

async fn start_message(
    app: &App,
    writer: Writer,
    input: SendMessage,
    replaces: Option<ReplacedChat>,
) -> Result<Started, Error> {
    let (opening, model, admission) = prepare_message(app, writer, input, replaces).await?;
    let after = (!app.config().turns.title_model.is_empty()).then_some(title::suggest as AfterTurn);
    begin(app, *writer, opening, model, StartRequest { caller: None, admission: Some(admission), after }).await
}
