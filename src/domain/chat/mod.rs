//! Chats: sending a message, running its turn, following the reply, reading the history.
//!
//! Every message is paid for by a hold that is taken before the request to the model, in the same transaction that
//! stores the message. The turn then runs in a task of its own and does not depend on the caller's connection.

mod api_call;
mod close;
mod context;
pub mod conversation;
mod delete;
mod events;
mod export;
mod history;
mod idempotency;
pub mod import;
mod open;
mod reply_stream;
pub mod retention;
mod search;
mod sweeper;
mod turn;
pub mod usage;

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::Instrument;
use tracing::field::Empty;

pub use self::api_call::{Admission, ApiCall, ApiCallHandle, admit, call};
pub use self::delete::{delete, delete_conversation};
use self::events::TurnCommand;
pub use self::export::{Format, export};
pub use self::history::{AdminChatFilter, ChatOrder, HistoryFilter, all, answered, by_ids, find, find_any, history};
use self::open::OpenResult;
pub use self::reply_stream::{ReplyDelta, ReplyStreamItem, follow};
pub use self::search::{index_rest, run_indexer};
pub use self::sweeper::{run_sweeper, sweep};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::throttle::LimitExceeded;
use crate::core::trace_context;
use crate::core::viewer::{Identity, Viewer};
use crate::domain::ledger::{self, Balance};
use crate::infra::catalog::Model;
use crate::infra::entity::chat::{self, Status};

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct SendMessage {
    /// The text of the message.
    pub message: String,
    /// The name of the model; defaults to the conversation's, or else the configured default.
    pub model: Option<String>,
    /// Idempotency key: a duplicate returns the first chat.
    pub idempotency_key: Option<String>,
    /// The conversation whose earlier chats are the context; `None` for a message without context.
    pub conversation_id: Option<i64>,
}

/// A retry of a chat, with the same message or an edited one.
#[derive(Clone, Debug, Default)]
pub struct ReplaceMessage {
    /// The chat to be replaced in the context.
    pub chat_id: i64,
    /// The new text of the message; defaults to the old one.
    pub message: Option<String>,
    /// The name of the model; defaults to the old one.
    pub model: Option<String>,
    /// Idempotency key: a duplicate returns the first chat.
    pub idempotency_key: Option<String>,
}

/// A closed chat and the user's balance.
#[derive(Clone, Debug)]
pub struct FinishedChat {
    /// The chat, in a status other than PENDING.
    pub chat: chat::Model,
    /// The balance after the settlement.
    pub balance: Balance,
    /// Seconds after which to retry a busy model, if its upstream reports them.
    pub retry_after: Option<u64>,
}

impl FinishedChat {
    /// Returns the error of a failed chat.
    pub fn failure(&self) -> Option<Error> {
        failure(&self.chat).map(|error| Error { retry_after: self.retry_after, ..error })
    }
}

/// Returns the error of a chat that failed or was interrupted.
pub fn failure(chat: &chat::Model) -> Option<Error> {
    let code = match (chat.status, chat.error_code.as_deref()) {
        (Status::Failed | Status::Interrupted, Some("TIMEOUT")) => Code::Timeout,
        (Status::Failed | Status::Interrupted, _) => Code::ProviderUnavailable,
        (Status::Pending | Status::Done | Status::Stopped, _) => return None,
    };
    Some(Error::new(code, chat.error_message.clone().unwrap_or_else(|| close::INTERRUPTED.to_owned())))
}

/// Returns the error of a reply that a limit of this server ended early. Its output until then is charged.
pub fn limit(chat: &chat::Model) -> Option<Error> {
    let message = chat.error_message.as_deref().filter(|_| chat.status == Status::Stopped)?;
    let code = match chat.error_code.as_deref() {
        Some("TIMEOUT") => Code::Timeout,
        Some("PAYLOAD_TOO_LARGE") => Code::PayloadTooLarge,
        _ => Code::ProviderUnavailable,
    };
    Some(Error::new(code, message))
}

/// Sends a message and waits until its chat is closed.
///
/// The failure of a model is no error here: the chat is closed, and [`FinishedChat::failure`] returns its error.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; INVALID_INPUT for an invalid message or model; NOT_FOUND for a conversation
/// of another user; INSUFFICIENT_TOKENS; RATE_LIMITED with too many open turns; CONFLICT if the idempotency key was
/// used for a different message. Nothing is stored or charged then.
pub async fn send(app: &App, viewer: Viewer, input: SendMessage) -> Result<FinishedChat, Error> {
    match start_message(app, viewer, input, None).await? {
        Started::New { end, .. } => end.await.map_err(Error::internal)?,
        Started::Seen(chat) => wait_until_finished(app, chat.id).await,
    }
}

/// Sends a message and returns as soon as the hold is taken: the chat is PENDING, and its turn runs in the background.
///
/// # Errors
/// As [`send`].
pub async fn start(app: &App, viewer: Viewer, input: SendMessage) -> Result<chat::Model, Error> {
    match start_message(app, viewer, input, None).await? {
        Started::New { chat, .. } | Started::Seen(chat) => Ok(*chat),
    }
}

/// Starts a chat that replaces an earlier one: the earlier one, and those after it, leave the context of the
/// conversation and stay in the history. They are restored if the new one fails without any text.
///
/// # Errors
/// As [`send`]; NOT_FOUND also for a chat of another user; CONFLICT if the chat was replaced already, or is still open.
pub async fn replace(app: &App, viewer: Viewer, input: ReplaceMessage) -> Result<chat::Model, Error> {
    let before = find(app, viewer, input.chat_id).await?;
    let send = SendMessage {
        message: input.message.unwrap_or(before.message),
        model: Some(input.model.unwrap_or(before.model)),
        idempotency_key: input.idempotency_key,
        conversation_id: before.conversation_id,
    };
    match start_message(app, viewer, send, Some(before.id)).await? {
        Started::New { chat, .. } | Started::Seen(chat) => Ok(*chat),
    }
}

/// Stops the reply of one of the viewer's own chats, on whichever server its turn runs, and waits until it is closed.
/// The output until then is kept and paid for. A closed chat stays unchanged.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for a chat of another user; TIMEOUT if its server does not
/// respond: then the chat ends with its lease.
pub async fn stop(app: &App, viewer: Viewer, chat_id: i64) -> Result<FinishedChat, Error> {
    viewer.require_write()?;
    let chat = find(app, viewer, chat_id).await?;
    stop_any(app, chat.id).await
}

/// Stops the reply of any user's chat. The caller has checked that the viewer may stop it.
async fn stop_any(app: &App, chat_id: i64) -> Result<FinishedChat, Error> {
    // The turn may wait for the usage reported by the upstream.
    let deadline = Instant::now() + app.config.v1.usage_wait_timeout + STOP_TIMEOUT;
    while Instant::now() < deadline {
        // Sent repeatedly, since bus messages may be lost.
        app.bus.publish(&events::command_topic(chat_id), || TurnCommand::Stop.encode());
        if let Ok(ended) = timeout(RESEND_INTERVAL, wait_until_finished(app, chat_id)).await {
            return ended;
        }
    }
    Err(Error::new(Code::Timeout, "The answer could not be stopped in time."))
}

/// An accepted message.
enum Started {
    /// The hold is taken and the turn is running; its result is sent through the channel.
    New { chat: Box<chat::Model>, balance: Balance, end: oneshot::Receiver<Result<FinishedChat, Error>> },
    /// A duplicate of an idempotency key; this is the first chat, whatever its state.
    Seen(Box<chat::Model>),
}

async fn start_message(app: &App, viewer: Viewer, input: SendMessage, replaces: Option<i64>) -> Result<Started, Error> {
    let identity = viewer.require_write()?;
    let (opening, model) = open::check(app, viewer, input, replaces).await?;
    begin(app, identity, opening, model, StartRequest::default()).await
}

/// Optional parameters of a message to start.
#[derive(Default)]
struct StartRequest {
    /// The receiver of the response.
    caller: Option<api_call::ResponseSink>,
    /// The proof that the rate limit has counted the message already.
    admission: Option<Admission>,
}

async fn begin(
    app: &App,
    identity: Identity,
    opening: open::PreparedChat,
    model: Model,
    start: StartRequest,
) -> Result<Started, Error> {
    let (user_id, caller) = (identity.id, start.caller);
    if start.admission.is_none() {
        api_call::count(app, identity).await?;
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
    let own = app.clone();
    // In a task from here on: a caller who disconnects between the hold and the turn must not leave a chat without one.
    let span = trace_context::beside(tracing::debug_span!(parent: None, "turn", model = model.name, chat = Empty));
    let turn = async move {
        let _places = (place, slot);
        match open::open(&own, opening).await {
            Ok(OpenResult::New(opened)) => {
                let (report_end, end) = oneshot::channel();
                // Subscribed before anyone can know the chat, so that no command is missed.
                let commands = own.bus.subscribe(&events::command_topic(opened.chat.id));
                if let Some(caller) = &caller {
                    caller.opened(&own, opened.chat.id);
                }
                let (chat, balance) = (Box::new(opened.chat.clone()), opened.balance);
                report.send(Ok(Started::New { chat, balance, end })).ok();
                ledger::notify_balance_changed(&own.bus, user_id);
                let end = turn::run(&own, &model, *opened, commands, caller).await;
                if let Some(error) = end.as_ref().err().filter(|error| error.code != Code::NotFound) {
                    tracing::error!(?error, "turn settlement failed; the sweeper will close the chat");
                }
                report_end.send(end).ok();
            }
            Ok(OpenResult::Seen(chat)) => drop(report.send(Ok(Started::Seen(chat)))),
            Err(error) => drop(report.send(Err(error))),
        }
    };
    app.tasks.spawn(turn.instrument(span));
    reported.await.map_err(Error::internal)?
}

/// Timeout for a stopped chat to close, once its usage is known.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which a stop command is resent.
const RESEND_INTERVAL: Duration = Duration::from_secs(1);

async fn wait_until_finished(app: &App, chat_id: i64) -> Result<FinishedChat, Error> {
    // Beyond all text there is only the end of the stream.
    let mut feed = pin!(reply_stream::feed(app.clone(), chat_id, usize::MAX));
    while let Some(fed) = feed.next().await {
        if let ReplyStreamItem::Ended(ended) = fed? {
            return Ok(*ended);
        }
    }
    Err(Error::not_found("chat"))
}
