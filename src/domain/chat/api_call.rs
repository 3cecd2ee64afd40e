//! Calls of programs: they bring their own context, and hear the answer while it is made.
//!
//! Where the text is not stored, the answer is known only to whoever called. A call with an idempotency key goes on also
//! when the caller goes away, and its answer is kept in memory for a while, for another try; any other call is stopped,
//! except that the upstream's own count is waited for.

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

/// Parts of an answer that may wait for a slow caller, and their bytes; then the upstream waits too.
const MAX_CHUNKS: usize = 32;
const MAX_CHUNK_BYTES: u32 = 256 << 10;
/// How often, and after which pauses, the recording of an open call is looked for.
const MAX_POLLS: u32 = 50;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A call of a program.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The model by name.
    pub model: String,
    /// What it is asked. The limit of the output is not looked at.
    pub request: Request,
    /// The limit of the output that the caller wants, for each choice.
    pub max_output: Option<u64>,
    /// How many answers are asked for at once.
    pub choices: u64,
    /// What a person said last: what is stored, where calls are stored.
    pub text: String,
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// The keyed hash of the whole call: a repeated key has to come with the same.
    pub fingerprint: Option<String>,
    /// The rate of messages has counted it already.
    pub admission: Option<Admission>,
}

/// The proof that the rate of messages has counted a call.
#[derive(Clone, Copy, Debug)]
pub struct Admission(());

/// Counts a call before its body is read, where that costs more than a usual message.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; RATE_LIMITED.
pub async fn admit(app: &App, viewer: Viewer) -> Result<Admission, Error> {
    count(app, viewer.require_completions()?).await
}

/// Counts a message or call.
pub(super) async fn count(app: &App, identity: Identity) -> Result<Admission, Error> {
    app.metrics.count_rate_limited("messages", app.rate_limits.message(identity.id, identity.api_key()).await)?;
    Ok(Admission(()))
}

/// A call that was accepted.
pub struct ApiCallHandle {
    /// The chat. PENDING, unless the call was repeated.
    pub chat: chat::Model,
    /// What the user has, with the hold taken.
    pub balance: Balance,
    /// The answer as it is made: [`Event::Piece`], [`Event::Raw`] and [`Event::Refused`]. It ends with the reply, however that ends.
    pub events: BoxStream<'static, Event>,
    /// How it ends, once that is written. A model that fails is no error here, see [`Ended::failure`]; TIMEOUT where the
    /// caller read too slowly to get all of it.
    pub end: BoxFuture<'static, Result<FinishedChat, Error>>,
}

/// Whoever hears the answer of a call.
pub(super) enum ResponseSink {
    /// One, while it is made.
    Direct(DirectSink),
    /// Any number, also later.
    Replayable(ReplayableSink),
}

/// Passes parts on to one who takes them, a bounded number of bytes at a time.
pub(super) struct DirectSink {
    sender: mpsc::Sender<(Event, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    /// The caller has read too slowly, and does not get the rest.
    missed: Arc<AtomicBool>,
}

/// Records parts; finished when it is dropped.
pub(super) struct ReplayableSink {
    answers: Arc<ReplayCache<Event>>,
    recording: Arc<Recording<Event>>,
}

/// Takes the hold of a call, and lets the model answer.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; INVALID_INPUT for a model that is not
/// there, or not for this key; INSUFFICIENT_TOKENS; RATE_LIMITED; CONFLICT where the idempotency key stands for another
/// call, or for one whose answer is not known any more. Nothing is stored or charged then.
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

/// The events of an answer, and whether some of them were missed, known when they end.
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

/// The end of a call; an error for who has not heard all of its answer, which must not look whole, however the chat ended.
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

/// The answer of an earlier call with the same key: as it was recorded, or its text, where that is stored.
async fn again(app: &App, chat: &chat::Model) -> Result<FollowedStream, Error> {
    for _ in 0..MAX_POLLS {
        if let Some(recording) = app.replay_cache.get(chat.id) {
            return Ok(followed(recording));
        }
        if chat.status != Status::Pending {
            break;
        }
        // Whoever opened it has just written so, and is about to record.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if chat.status == Status::Done && !chat.response.is_empty() {
        return Ok((stream::once(ready(Event::Chunk(chat.response.clone()))).boxed(), Arc::default()));
    }
    let message = "This idempotency key was used before, and its answer is not kept here any more.";
    Err(Error::new(Code::Conflict, message))
}

impl ResponseSink {
    /// What is recorded is known by its chat, for those who try again.
    pub(super) fn opened(&self, app: &App, chat_id: i64) {
        if let ResponseSink::Replayable(recorder) = self {
            app.replay_cache.insert(chat_id, &recorder.recording);
        }
    }

    /// Tells a part. A caller who takes none for this time has gone away.
    pub(super) async fn tell(&mut self, event: Event, patience: Duration) {
        match self {
            ResponseSink::Direct(live) => {
                if !matches!(tokio::time::timeout(patience, live.send(event)).await, Ok(true)) {
                    live.missed.store(true, Ordering::Relaxed);
                    // Closed for the receiver too, so that `left` sees it.
                    *self = ResponseSink::Direct(DirectSink::new().0);
                }
            }
            ResponseSink::Replayable(ReplayableSink { answers, recording }) => {
                let event = as_recorded(event);
                let bytes = event.size();
                answers.push(recording, event, bytes, patience).await;
            }
        }
    }

    /// Waits until the caller has gone away. Whoever is recorded for never does.
    pub(super) async fn left(&mut self) {
        match self {
            ResponseSink::Direct(live) => live.sender.closed().await,
            ResponseSink::Replayable(_) => std::future::pending().await,
        }
    }

    /// The chat has ended.
    pub(super) fn finish(self) {}
}

impl DirectSink {
    /// The parts come out of the stream.
    fn new() -> (Self, BoxStream<'static, Event>) {
        let (sender, mut receiver) = mpsc::channel::<(Event, OwnedSemaphorePermit)>(MAX_CHUNKS);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context)).map(|(event, _room)| event);
        let room = Arc::new(Semaphore::new(MAX_CHUNK_BYTES as usize));
        (Self { sender, room, missed: Arc::default() }, events.boxed())
    }

    /// Passes a part on once there is room for it; says whether anybody is there who takes it.
    async fn send(&self, event: Event) -> bool {
        // What is larger than all the room goes alone.
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

/// A part without what only its chat needs: who follows the answer gets the bytes, in a copy that shares no memory.
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
        // What is larger than all the room goes alone.
        {
            let mut large = std::pin::pin!(live.send(part(5_000_000)));
            assert!(poll!(large.as_mut()).is_pending());
            assert_eq!(size(events.next().await), Some(100_000));
            assert!(large.await);
        }
        let mut waiting = std::pin::pin!(live.send(part(1)));
        assert!(poll!(waiting.as_mut()).is_pending());
        drop(events);
        assert!(!waiting.await, "nobody is there any more");
    }
}
