//! Sending messages: the hold is taken and the chat stored, then the turn runs in a task of its own.

use tokio::sync::oneshot;
use tracing::Instrument;
use tracing::field::Empty;

use super::admission::{self, Admission};
use super::changes::{Change, ChangeKind};
use super::events::command_topic;
use super::finished_chat::FinishedChat;
use super::history::find;
use super::open::{self, OpenResult};
use super::prepare::{PreparedChat, SendMessage, prepare_message};
use super::reply_stream::wait_until_finished;
use super::response_sink::ResponseSink;
use super::turn;
use super::versions::{ReplacedChat, replaced_chat};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ChatId;
use crate::core::throttle::LimitExceeded;
use crate::core::trace_context;
use crate::core::viewer::{Identity, Writer};
use crate::domain::ledger::{self, Balance};
use crate::infra::catalog::Model;
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

/// An accepted message.
pub(super) enum Started {
    /// The hold is taken and the turn is running; its result is sent through the channel.
    New { chat: Box<chat::Model>, balance: Balance, end: oneshot::Receiver<Result<FinishedChat, Error>> },
    /// A duplicate of an idempotency key; this is the first chat, whatever its state.
    Duplicate(Box<chat::Model>),
}

async fn start_message(
    app: &App,
    writer: Writer,
    input: SendMessage,
    replaces: Option<ReplacedChat>,
) -> Result<Started, Error> {
    let (opening, model, admission) = prepare_message(app, writer, input, replaces).await?;
    begin(app, *writer, opening, model, StartRequest { caller: None, admission: Some(admission) }).await
}

/// Optional parameters of a message to start.
pub(super) struct StartRequest {
    /// The receiver of the response.
    pub(super) caller: Option<ResponseSink>,
    /// The proof that the rate limit has counted the message already.
    pub(super) admission: Option<Admission>,
}

pub(super) async fn begin(
    app: &App,
    identity: Identity,
    opening: PreparedChat,
    model: Model,
    start: StartRequest,
) -> Result<Started, Error> {
    let (user_id, caller) = (identity.id, start.caller);
    if start.admission.is_none() {
        admission::count(app, identity).await?;
    }
    let slot = app.metrics.count_rate_limited("model", model.acquire())?;
    let place =
        app.metrics.count_rate_limited("open_turns", app.turn_permits.take(user_id)).map_err(|full| match full {
            LimitExceeded::Owner => {
                Error::rate_limited("Too many of your messages are being answered. Wait for one of them.", 1)
            }
            LimitExceeded::Total => {
                Error::rate_limited("Too many messages are being answered. Try again in a moment.", 1)
            }
        })?;
    let (report, reported) = oneshot::channel();
    let started = if opening.replaces.is_some() { ChangeKind::ChatReplaced } else { ChangeKind::ChatStarted };
    let own = app.clone();
    // In a task from here on: a caller who disconnects between the hold and the turn must not leave a chat without one.
    let span = trace_context::beside(tracing::debug_span!(parent: None, "turn", model = model.name, chat = Empty));
    let turn = async move {
        let _places = (place, slot);
        match open::open(&own, opening).await {
            Ok(OpenResult::New(opened)) => {
                let (report_end, end) = oneshot::channel();
                // Subscribed before anyone can know the chat, so that every command is received.
                let commands = own.bus.subscribe(&command_topic(opened.chat.id));
                if let Some(caller) = &caller {
                    caller.opened(&own, opened.chat.id);
                }
                let (chat, balance) = (Box::new(opened.chat.clone()), opened.balance);
                report.send(Ok(Started::New { chat, balance, end })).ok();
                ledger::notify_balance_changed(&own.bus, user_id);
                if caller.is_none() {
                    Change::of_chat(started, &opened.chat).publish(&own.bus, user_id);
                }
                let end = turn::run(&own, &model, *opened, commands, caller).await;
                if let Some(error) = end.as_ref().err().filter(|error| error.code != Code::NotFound) {
                    tracing::error!(?error, "turn settlement failed; the sweeper will close the chat");
                }
                report_end.send(end).ok();
            }
            Ok(OpenResult::Duplicate(chat)) => drop(report.send(Ok(Started::Duplicate(chat)))),
            Err(error) => drop(report.send(Err(error))),
        }
    };
    app.tasks.spawn(turn.instrument(span));
    reported.await.map_err(|error| Error::internal(error))?
}
