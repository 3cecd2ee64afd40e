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
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{FinishedChat, StartRequest, Started, begin, open, wait_until_finished};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::replay_log::{Recording, ReplayCache};
use crate::core::viewer::{Identity, Viewer};
use crate::domain::ledger::{self, Balance};
use crate::infra::ai::{Event, Request};
use crate::infra::entity::chat::{self, Status};

/// Maximum number of chunks buffered for a slow caller, and their bytes; beyond it the upstream has to wait.
const MAX_CHUNKS: usize = 32;
const MAX_CHUNK_BYTES: u32 = 256 << 10;
/// Maximum number of polls for the recording of an open call, and the interval between them.
const MAX_POLLS: u32 = 50;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A call of an API client.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The name of the model.
    pub model: String,
    /// The request to the model. Its output limit is ignored.
    pub request: Request,
    /// The output limit requested by the caller, for each choice.
    pub max_output: Option<u64>,
    /// The number of choices requested.
    pub choices: u64,
    /// The last user message: the stored text, if calls are stored.
    pub text: String,
    /// Idempotency key.
    pub idempotency_key: Option<String>,
    /// The keyed hash of the whole call: a duplicate key requires the same fingerprint.
    pub fingerprint: Option<String>,
    /// The proof that the rate limit has counted the call already.
    pub admission: Option<Admission>,
}

/// The proof that the message rate limit has counted a call.
#[derive(Clone, Copy, Debug)]
pub struct Admission(());

/// Counts a call before its body is read, for bodies that cost more than a usual message.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; RATE_LIMITED.
pub async fn admit(app: &App, viewer: Viewer) -> Result<Admission, Error> {
    count(app, viewer.require_completions()?).await
}

/// Counts a message or call against the rate limit.
pub(super) async fn count(app: &App, identity: Identity) -> Result<Admission, Error> {
    app.metrics.count_rate_limited("messages", app.rate_limits.message(identity.id, identity.api_key()).await)?;
    Ok(Admission(()))
}

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

/// The receiver of a call's answer.
pub(super) enum ResponseSink {
    /// One caller, while the answer is generated.
    Direct(DirectSink),
    /// Any number of callers, also later.
    Replayable(ReplayableSink),
}

/// Sends chunks to one caller, with a bounded number of buffered bytes.
pub(super) struct DirectSink {
    sender: mpsc::Sender<(Event, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    /// Whether the caller has read too slowly, and does not receive the remainder.
    missed: Arc<AtomicBool>,
}

/// Records chunks; the recording is finished on drop.
pub(super) struct ReplayableSink {
    answers: Arc<ReplayCache<Event>>,
    recording: Arc<Recording<Event>>,
}

/// Takes the hold of a call, and starts the turn.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; INVALID_INPUT for an unknown model,
/// or one that the key does not allow; INSUFFICIENT_TOKENS; RATE_LIMITED; CONFLICT if the idempotency key was used for
/// a different call, or for one whose answer is no longer available. Nothing is stored or charged then.
pub async fn call(app: &App, viewer: Viewer, call: ApiCall) -> Result<ApiCallHandle, Error> {
    let identity = viewer.require_completions()?;
    let keyed = call.idempotency_key.is_some();
    let admission = call.admission;
    let (opening, model) = open::check_call(app, identity, call)?;
    let (caller, events, missed) = if keyed {
        let (answers, recording) = (app.replay_cache.clone(), app.replay_cache.begin(identity.id));
        let (events, missed) = followed(recording.clone());
        (ResponseSink::Replayable(ReplayableSink { answers, recording }), events, missed)
    } else {
        let (live, events) = DirectSink::new();
        let missed = live.missed.clone();
        (ResponseSink::Direct(live), events, missed)
    };
    match begin(app, identity, opening, model, StartRequest { caller: Some(caller), admission }).await? {
        Started::New { chat, balance, end } => {
            let end = async move { end.await.map_err(Error::internal)? };
            Ok(ApiCallHandle { chat: *chat, balance, events, end: unless_missed(end, missed) })
        }
        Started::Seen(chat) => {
            let (events, missed) = again(app, &chat).await?;
            let balance = ledger::balance(&app.db, chat.user_id).await?;
            let (app, id) = (app.clone(), chat.id);
            let end = async move { wait_until_finished(&app, id).await };
            Ok(ApiCallHandle { chat: *chat, balance, events, end: unless_missed(end, missed) })
        }
    }
}

/// The events of an answer, and whether some of them were missed, which is final when they end.
type FollowedStream = (BoxStream<'static, Event>, Arc<AtomicBool>);

fn followed(recording: Arc<Recording<Event>>) -> FollowedStream {
    let missed = Arc::new(AtomicBool::new(false));
    let told = missed.clone();
    let events = recording.follow().filter_map(move |event| {
        if event.is_err() {
            told.store(true, Ordering::Relaxed);
        }
        ready(event.ok())
    });
    (events.boxed(), missed)
}

/// Returns the result of a call; an error if the caller has missed a part of the answer, which must not look complete,
/// whatever the chat's outcome.
fn unless_missed(
    end: impl Future<Output = Result<FinishedChat, Error>> + Send + 'static,
    missed: Arc<AtomicBool>,
) -> BoxFuture<'static, Result<FinishedChat, Error>> {
    async move {
        let ended = end.await;
        if missed.load(Ordering::Relaxed) {
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

impl ResponseSink {
    /// Registers the recording under its chat, for retries.
    pub(super) fn opened(&self, app: &App, chat_id: i64) {
        if let ResponseSink::Replayable(recorder) = self {
            app.replay_cache.insert(chat_id, &recorder.recording);
        }
    }

    /// Sends a chunk. A caller who takes none before the timeout counts as disconnected.
    pub(super) async fn tell(&mut self, event: Event, write_timeout: Duration) {
        match self {
            ResponseSink::Direct(live) => {
                if !matches!(tokio::time::timeout(write_timeout, live.send(event)).await, Ok(true)) {
                    live.missed.store(true, Ordering::Relaxed);
                    // Closed for the receiver too, so that `left` returns.
                    *self = ResponseSink::Direct(DirectSink::new().0);
                }
            }
            ResponseSink::Replayable(ReplayableSink { answers, recording }) => {
                let event = as_recorded(event);
                let bytes = event.size();
                answers.push(recording, event, bytes, write_timeout).await;
            }
        }
    }

    /// Waits until the caller has disconnected. With a recording it never returns.
    pub(super) async fn left(&mut self) {
        match self {
            ResponseSink::Direct(live) => live.sender.closed().await,
            ResponseSink::Replayable(_) => std::future::pending().await,
        }
    }

    /// Finishes a recording, by dropping it.
    pub(super) fn finish(self) {}
}

impl DirectSink {
    /// Returns the sink and the stream of its chunks.
    fn new() -> (Self, BoxStream<'static, Event>) {
        let (sender, mut receiver) = mpsc::channel::<(Event, OwnedSemaphorePermit)>(MAX_CHUNKS);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context)).map(|(event, _room)| event);
        let room = Arc::new(Semaphore::new(MAX_CHUNK_BYTES as usize));
        (Self { sender, room, missed: Arc::default() }, events.boxed())
    }

    /// Sends a chunk once there is room for it; returns whether there is a receiver.
    async fn send(&self, event: Event) -> bool {
        // A chunk larger than the whole buffer is sent alone.
        let bytes = u32::try_from(event.size()).unwrap_or(u32::MAX).min(MAX_CHUNK_BYTES);
        let Ok(room) = self.room.clone().acquire_many_owned(bytes).await else { return false };
        self.sender.send((event, room)).await.is_ok()
    }
}

impl Drop for ReplayableSink {
    fn drop(&mut self) {
        self.answers.finish(&self.recording);
    }
}

/// Removes from a chunk what only its own chat needs: followers get the bytes, in a copy that shares no memory.
fn as_recorded(event: Event) -> Event {
    match event {
        Event::RawChunk { bytes, .. } => Event::RawChunk { bytes: Bytes::copy_from_slice(&bytes), text: String::new() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn bytes_that_wait_for_a_slow_caller_are_bounded() {
        let (live, mut events) = DirectSink::new();
        let part = |bytes: usize| Event::Chunk("x".repeat(bytes));
        let size = |event: Option<Event>| event.map(|event| event.size());
        assert!(live.send(part(200_000)).await);
        {
            let mut second = std::pin::pin!(live.send(part(100_000)));
            assert!(poll!(second.as_mut()).is_pending());
            assert_eq!(size(events.next().await), Some(200_000));
            assert!(second.await);
        }
        // A chunk larger than the whole buffer is sent alone.
        {
            let mut large = std::pin::pin!(live.send(part(5_000_000)));
            assert!(poll!(large.as_mut()).is_pending());
            assert_eq!(size(events.next().await), Some(100_000));
            assert!(large.await);
        }
        let mut waiting = std::pin::pin!(live.send(part(1)));
        assert!(poll!(waiting.as_mut()).is_pending());
        drop(events);
        assert!(!waiting.await, "the receiver is dropped");
    }
}
