//! API calls: they have a context of their own, and the caller receives the answer while it is generated.
//!
//! If the text is not stored, only the caller has the answer. A call with an idempotency key continues after the caller
//! disconnects, and its answer is kept in memory for a limited time, for a retry; any other call is stopped, except
//! that the turn waits for the usage reported by the upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};

use super::begin::{StartRequest, Started, begin};
use super::finished_chat::FinishedChat;
use super::prepare::{ApiCall, prepare_call};
use super::reply_stream::wait_until_finished;
use super::response_sink::{DirectSink, ReplayableSink, ResponseSink};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::replay_log::Recording;
use crate::core::viewer::Caller;
use crate::domain::ledger::{self, Balance};
use crate::infra::ai::Event;
use crate::infra::entity::chat::{self, Status};

/// Maximum number of polls for the recording of an open call, and the interval between them.
const MAX_POLLS: u32 = 50;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// An accepted call.
pub struct ApiCallHandle {
    /// The chat. PENDING, unless the call was a duplicate.
    pub chat: chat::Model,
    /// The user's balance after the hold.
    pub balance: Balance,
    /// The answer while it is generated: [`Event::Chunk`], [`Event::RawChunk`] and [`Event::Rejected`]. It ends with
    /// the reply, whatever its outcome.
    pub events: BoxStream<'static, Event>,
    /// The closed chat. The failure of a model is no error here, see [`FinishedChat::failure`]; TIMEOUT if the caller
    /// read too slowly to receive the whole answer.
    pub end: BoxFuture<'static, Result<FinishedChat, Error>>,
}

/// Takes the hold of a call, and starts the turn.
///
/// # Errors
/// INVALID_INPUT for an unknown model, or one that the key does not allow; INSUFFICIENT_TOKENS; RATE_LIMITED; CONFLICT
/// if the idempotency key was used for a different call, or for one whose answer is no longer available. Nothing is
/// stored or charged then.
pub async fn call(app: &App, caller: Caller, call: ApiCall) -> Result<ApiCallHandle, Error> {
    let keyed = call.idempotency_key.is_some();
    let admission = call.admission;
    let (opening, model) = prepare_call(app, *caller, call).await?;
    let (sink, events, lagged) = if keyed {
        let (answers, recording) = (app.replay_cache.clone(), app.replay_cache.begin(caller.id));
        let (events, lagged) = followed(recording.clone());
        (ResponseSink::Replayable(ReplayableSink { answers, recording }), events, lagged)
    } else {
        let (live, events) = DirectSink::new();
        let lagged = live.lagged.clone();
        (ResponseSink::Direct(live), events, lagged)
    };
    match begin(app, *caller, opening, model, StartRequest { caller: Some(sink), admission, after: None }).await? {
        Started::New { chat, balance, end } => {
            let end = async move { end.await.map_err(|error| Error::internal(error))? };
            Ok(ApiCallHandle { chat: *chat, balance, events, end: unless_lagged(end, lagged) })
        }
        Started::Duplicate(chat) => {
            let (events, lagged) = again(app, &chat).await?;
            let balance = ledger::balance(&app.db, chat.user_id).await?;
            let (app, id) = (app.clone(), chat.id);
            let end = async move { wait_until_finished(&app, id).await };
            Ok(ApiCallHandle { chat: *chat, balance, events, end: unless_lagged(end, lagged) })
        }
    }
}

/// The events of an answer, and whether the caller has lagged behind them, which is final when they end.
type FollowedStream = (BoxStream<'static, Event>, Arc<AtomicBool>);

fn followed(recording: Arc<Recording<Event>>) -> FollowedStream {
    let lagged = Arc::new(AtomicBool::new(false));
    let is_lagging = lagged.clone();
    let events = recording.follow().filter_map(move |event| {
        if event.is_err() {
            is_lagging.store(true, Ordering::Relaxed);
        }
        ready(event.ok())
    });
    (events.boxed(), lagged)
}

/// Returns the result of a call; an error if the caller has lagged: an answer without a part must not look complete,
/// whatever the chat's outcome.
fn unless_lagged(
    end: impl Future<Output = Result<FinishedChat, Error>> + Send + 'static,
    lagged: Arc<AtomicBool>,
) -> BoxFuture<'static, Result<FinishedChat, Error>> {
    async move {
        let ended = end.await;
        if lagged.load(Ordering::Relaxed) {
            let message = "The client read too slowly; the rest of the answer was not sent.";
            return Err(Error::new(Code::Timeout, message));
        }
        ended
    }
    .boxed()
}

/// Returns the answer of the first call with the same key: the recording, or the text, if it is stored.
async fn again(app: &App, chat: &chat::Model) -> Result<FollowedStream, Error> {
    for _ in 0..MAX_POLLS {
        if let Some(recording) = app.replay_cache.get(chat.id) {
            return Ok(followed(recording));
        }
        if chat.status != Status::Pending {
            break;
        }
        // The server that opened the chat has just committed it, and is about to insert the recording.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if chat.status == Status::Done && !chat.response.is_empty() {
        return Ok((stream::once(ready(Event::Chunk(chat.response.clone()))).boxed(), Arc::default()));
    }
    let message = "This idempotency key was used before, and its answer is no longer available.";
    Err(Error::new(Code::Conflict, message))
}
