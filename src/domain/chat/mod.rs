//! Chats: send a message, drive the turn, follow the reply, read the history.
//!
//! Every message is paid for by a hold that is taken before the model is asked, in the same transaction that stores the
//! message. The turn then runs in a task of its own and does not depend on the caller staying.

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

/// A message to be answered.
#[derive(Clone, Debug, Default)]
pub struct SendMessage {
    /// What the user says.
    pub message: String,
    /// The model by name; the conversation's, or the default one, where none is named.
    pub model: Option<String>,
    /// Makes retries harmless: the same key returns the first chat.
    pub idempotency_key: Option<String>,
    /// The conversation whose earlier chats the model is to see; without one the message stands alone.
    pub conversation_id: Option<i64>,
}

/// Another try at a chat, by the same message or an edited one.
#[derive(Clone, Debug, Default)]
pub struct ReplaceMessage {
    /// The chat that is to be replaced in the context.
    pub chat_id: i64,
    /// What the user says instead; the same as before where it is not given.
    pub message: Option<String>,
    /// The model by name; the one before where none is named.
    pub model: Option<String>,
    /// Makes retries harmless: the same key returns the first chat.
    pub idempotency_key: Option<String>,
}

/// A chat that has ended, and what the user has left.
#[derive(Clone, Debug)]
pub struct FinishedChat {
    /// The chat, in a status other than PENDING.
    pub chat: chat::Model,
    /// The balance right after.
    pub balance: Balance,
    /// Seconds after which a model that was busy may answer, where its upstream says so.
    pub retry_after: Option<u64>,
}

impl FinishedChat {
    /// What went wrong, if the model failed.
    pub fn failure(&self) -> Option<Error> {
        failure(&self.chat).map(|error| Error { retry_after: self.retry_after, ..error })
    }
}

/// What went wrong with a chat that has ended without a whole reply.
pub fn failure(chat: &chat::Model) -> Option<Error> {
    let code = match (chat.status, chat.error_code.as_deref()) {
        (Status::Failed | Status::Interrupted, Some("TIMEOUT")) => Code::Timeout,
        (Status::Failed | Status::Interrupted, _) => Code::ProviderUnavailable,
        (Status::Pending | Status::Done | Status::Stopped, _) => return None,
    };
    Some(Error::new(code, chat.error_message.clone().unwrap_or_else(|| close::INTERRUPTED.to_owned())))
}

/// The limit of this server that ended a reply early. What was produced until then is charged.
pub fn limit(chat: &chat::Model) -> Option<Error> {
    let message = chat.error_message.as_deref().filter(|_| chat.status == Status::Stopped)?;
    let code = match chat.error_code.as_deref() {
        Some("TIMEOUT") => Code::Timeout,
        Some("PAYLOAD_TOO_LARGE") => Code::PayloadTooLarge,
        _ => Code::ProviderUnavailable,
    };
    Some(Error::new(code, message))
}

/// Sends a message and waits for the end of its chat.
///
/// A model that fails is no error here: the chat has ended, and [`Ended::failure`] tells how.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; INVALID_INPUT for a message or model that will not do; NOT_FOUND for somebody
/// else's conversation; INSUFFICIENT_TOKENS; RATE_LIMITED with too many open turns; CONFLICT where the idempotency key
/// stands for another message. Nothing is stored or charged then.
pub async fn send(app: &App, viewer: Viewer, input: SendMessage) -> Result<FinishedChat, Error> {
    match start_message(app, viewer, input, None).await? {
        Started::New { end, .. } => end.await.map_err(Error::internal)?,
        Started::Seen(chat) => wait_until_finished(app, chat.id).await,
    }
}

/// Sends a message and returns as soon as the hold is taken: the chat is PENDING, and its turn goes on by itself.
///
/// # Errors
/// As [`send`].
pub async fn start(app: &App, viewer: Viewer, input: SendMessage) -> Result<chat::Model, Error> {
    match start_message(app, viewer, input, None).await? {
        Started::New { chat, .. } | Started::Seen(chat) => Ok(*chat),
    }
}

/// Starts a chat that takes the place of an earlier one: the earlier one, and what was said after it, leave the context
/// of the conversation and stay in the history. They come back where the new one fails without any text.
///
/// # Errors
/// As [`send`]; NOT_FOUND also for somebody else's chat; CONFLICT where the chat was replaced already, or is still open.
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

/// Stops the reply of one of the viewer's own chats, on whichever server it is made, and waits for the end. What was
/// produced is kept and paid for. A chat that has ended already stays as it is.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's chat; TIMEOUT where its server gives no
/// sign of life: then the chat ends with its lease.
pub async fn stop(app: &App, viewer: Viewer, chat_id: i64) -> Result<FinishedChat, Error> {
    viewer.require_write()?;
    let chat = find(app, viewer, chat_id).await?;
    stop_any(app, chat.id).await
}

/// Stops the reply of anybody's chat. Whoever asks has decided that it may be stopped.
async fn stop_any(app: &App, chat_id: i64) -> Result<FinishedChat, Error> {
    // The usage of the upstream may be waited for.
    let deadline = Instant::now() + app.config.v1.usage_wait_timeout + STOP_TIMEOUT;
    while Instant::now() < deadline {
        // Said again and again, since news may be lost.
        app.bus.publish(&events::command_topic(chat_id), || TurnCommand::Stop.encode());
        if let Ok(ended) = timeout(RESEND_INTERVAL, wait_until_finished(app, chat_id)).await {
            return ended;
        }
    }
    Err(Error::new(Code::Timeout, "The answer could not be stopped in time."))
}

/// A message that was accepted.
enum Started {
    /// The hold is taken and the turn is running; its end comes through the channel.
    New { chat: Box<chat::Model>, balance: Balance, end: oneshot::Receiver<Result<FinishedChat, Error>> },
    /// The idempotency key was seen before; this is the first chat, whatever its state.
    Seen(Box<chat::Model>),
}

async fn start_message(app: &App, viewer: Viewer, input: SendMessage, replaces: Option<i64>) -> Result<Started, Error> {
    let identity = viewer.require_write()?;
    let (opening, model) = open::check(app, viewer, input, replaces).await?;
    begin(app, identity, opening, model, StartRequest::default()).await
}

/// What else a message may begin with.
#[derive(Default)]
struct StartRequest {
    /// Who hears the answer.
    caller: Option<api_call::ResponseSink>,
    /// Where the rate has counted it already.
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
    // In a task from here on: a caller who goes away between the hold and the turn must not leave a chat without one.
    let span = trace_context::beside(tracing::debug_span!(parent: None, "turn", model = model.name, chat = Empty));
    let turn = async move {
        let _places = (place, slot);
        match open::open(&own, opening).await {
            Ok(OpenResult::New(opened)) => {
                let (report_end, end) = oneshot::channel();
                // Listening begins before anybody knows of the chat, so that no wish is missed.
                let wishes = own.bus.subscribe(&events::command_topic(opened.chat.id));
                if let Some(caller) = &caller {
                    caller.opened(&own, opened.chat.id);
                }
                let (chat, balance) = (Box::new(opened.chat.clone()), opened.balance);
                report.send(Ok(Started::New { chat, balance, end })).ok();
                ledger::notify_balance_changed(&own.bus, user_id);
                let end = turn::run(&own, &model, *opened, wishes, caller).await;
                if let Some(error) = end.as_ref().err().filter(|error| error.code != Code::NotFound) {
                    tracing::error!(?error, "a turn could not be settled; the sweeper will end it");
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

/// How long the end of a stopped chat is waited for, once its usage is known.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long whoever stops a chat waits before saying so again.
const RESEND_INTERVAL: Duration = Duration::from_secs(1);

async fn wait_until_finished(app: &App, chat_id: i64) -> Result<FinishedChat, Error> {
    // Behind all text there is nothing but the end.
    let mut feed = pin!(reply_stream::feed(app.clone(), chat_id, usize::MAX));
    while let Some(fed) = feed.next().await {
        if let ReplyStreamItem::Ended(ended) = fed? {
            return Ok(*ended);
        }
    }
    Err(Error::not_found("chat"))
}
