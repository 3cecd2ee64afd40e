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

use super::{Begun, Ended, Start, begin, open, wait_for_end};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::replay_log::{Answers, Recording};
use crate::core::viewer::{Identity, Viewer};
use crate::domain::ledger::{self, Balance};
use crate::infra::ai::{Event, Request};
use crate::infra::entity::chat::{self, Status};

/// Parts of an answer that may wait for a slow caller, and their bytes; then the upstream waits too.
const PARTS: usize = 32;
const PART_BYTES: u32 = 256 << 10;
/// How often, and after which pauses, the recording of an open call is looked for.
const LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A call of a program.
#[derive(Clone, Debug)]
pub struct Call {
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
    count(app, viewer.caller()?).await
}

/// Counts a message or call.
pub(super) async fn count(app: &App, identity: Identity) -> Result<Admission, Error> {
    app.metrics.limited("messages", app.rates.message(identity.id, identity.api_key()).await)?;
    Ok(Admission(()))
}

/// A call that was accepted.
pub struct Called {
    /// The chat. PENDING, unless the call was repeated.
    pub chat: chat::Model,
    /// What the user has, with the hold taken.
    pub balance: Balance,
    /// The answer as it is made: [`Event::Piece`], [`Event::Raw`] and [`Event::Refused`]. It ends with the reply, however that ends.
    pub events: BoxStream<'static, Event>,
    /// How it ends, once that is written. A model that fails is no error here, see [`Ended::failure`]; TIMEOUT where the
    /// caller read too slowly to get all of it.
    pub end: BoxFuture<'static, Result<Ended, Error>>,
}

/// Whoever hears the answer of a call.
pub(super) enum Caller {
    /// One, while it is made.
    Live(Live),
    /// Any number, also later.
    Recorded(Recorder),
}

/// Passes parts on to one who takes them, a bounded number of bytes at a time.
pub(super) struct Live {
    sender: mpsc::Sender<(Event, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    /// The caller has read too slowly, and does not get the rest.
    missed: Arc<AtomicBool>,
}

/// Records parts; finished when it is dropped.
pub(super) struct Recorder {
    answers: Arc<Answers<Event>>,
    recording: Arc<Recording<Event>>,
}

/// Takes the hold of a call, and lets the model answer.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; INVALID_INPUT for a model that is not
/// there, or not for this key; INSUFFICIENT_TOKENS; RATE_LIMITED; CONFLICT where the idempotency key stands for another
/// call, or for one whose answer is not known any more. Nothing is stored or charged then.
pub async fn call(app: &App, viewer: Viewer, call: Call) -> Result<Called, Error> {
    let identity = viewer.caller()?;
    let keyed = call.idempotency_key.is_some();
    let admission = call.admission;
    let (opening, model) = open::check_call(app, identity, call)?;
    let (caller, events, missed) = if keyed {
        let (answers, recording) = (app.answers.clone(), app.answers.begin(identity.id));
        let (events, missed) = followed(recording.clone());
        (Caller::Recorded(Recorder { answers, recording }), events, missed)
    } else {
        let (live, events) = Live::new();
        let missed = live.missed.clone();
        (Caller::Live(live), events, missed)
    };
    match begin(app, identity, opening, model, Start { caller: Some(caller), admission }).await? {
        Begun::New { chat, balance, end } => {
            let end = async move { end.await.map_err(Error::internal)? };
            Ok(Called { chat: *chat, balance, events, end: unless_missed(end, missed) })
        }
        Begun::Seen(chat) => {
            let (events, missed) = again(app, &chat).await?;
            let balance = ledger::balance(&app.db, chat.user_id).await?;
            let (app, id) = (app.clone(), chat.id);
            let end = async move { wait_for_end(&app, id).await };
            Ok(Called { chat: *chat, balance, events, end: unless_missed(end, missed) })
        }
    }
}

/// The events of an answer, and whether some of them were missed, known when they end.
type Followed = (BoxStream<'static, Event>, Arc<AtomicBool>);

fn followed(recording: Arc<Recording<Event>>) -> Followed {
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
    end: impl Future<Output = Result<Ended, Error>> + Send + 'static,
    missed: Arc<AtomicBool>,
) -> BoxFuture<'static, Result<Ended, Error>> {
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
async fn again(app: &App, chat: &chat::Model) -> Result<Followed, Error> {
    for _ in 0..LOOKS {
        if let Some(recording) = app.answers.get(chat.id) {
            return Ok(followed(recording));
        }
        if chat.status != Status::Pending {
            break;
        }
        // Whoever opened it has just written so, and is about to record.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    if chat.status == Status::Done && !chat.response.is_empty() {
        return Ok((stream::once(ready(Event::Piece(chat.response.clone()))).boxed(), Arc::default()));
    }
    let message = "This idempotency key was used before, and its answer is not kept here any more.";
    Err(Error::new(Code::Conflict, message))
}

impl Caller {
    /// What is recorded is known by its chat, for those who try again.
    pub(super) fn opened(&self, app: &App, chat_id: i64) {
        if let Caller::Recorded(recorder) = self {
            app.answers.insert(chat_id, &recorder.recording);
        }
    }

    /// Tells a part. A caller who takes none for this time has gone away.
    pub(super) async fn tell(&mut self, event: Event, patience: Duration) {
        match self {
            Caller::Live(live) => {
                if !matches!(tokio::time::timeout(patience, live.send(event)).await, Ok(true)) {
                    live.missed.store(true, Ordering::Relaxed);
                    // Closed for the receiver too, so that `left` sees it.
                    *self = Caller::Live(Live::new().0);
                }
            }
            Caller::Recorded(Recorder { answers, recording }) => {
                let event = as_recorded(event);
                let bytes = event.size();
                answers.push(recording, event, bytes, patience).await;
            }
        }
    }

    /// Waits until the caller has gone away. Whoever is recorded for never does.
    pub(super) async fn left(&mut self) {
        match self {
            Caller::Live(live) => live.sender.closed().await,
            Caller::Recorded(_) => std::future::pending().await,
        }
    }

    /// The chat has ended.
    pub(super) fn finish(self) {}
}

impl Live {
    /// The parts come out of the stream.
    fn new() -> (Self, BoxStream<'static, Event>) {
        let (sender, mut receiver) = mpsc::channel::<(Event, OwnedSemaphorePermit)>(PARTS);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context)).map(|(event, _room)| event);
        let room = Arc::new(Semaphore::new(PART_BYTES as usize));
        (Self { sender, room, missed: Arc::default() }, events.boxed())
    }

    /// Passes a part on once there is room for it; says whether anybody is there who takes it.
    async fn send(&self, event: Event) -> bool {
        // What is larger than all the room goes alone.
        let bytes = u32::try_from(event.size()).unwrap_or(u32::MAX).min(PART_BYTES);
        let Ok(room) = self.room.clone().acquire_many_owned(bytes).await else { return false };
        self.sender.send((event, room)).await.is_ok()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.answers.finish(&self.recording);
    }
}

/// A part without what only its chat needs: who follows the answer gets the bytes, in a copy that shares no memory.
fn as_recorded(event: Event) -> Event {
    match event {
        Event::Raw { bytes, .. } => Event::Raw { bytes: Bytes::copy_from_slice(&bytes), text: String::new() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn bytes_that_wait_for_a_slow_caller_are_bounded() {
        let (live, mut events) = Live::new();
        let part = |bytes: usize| Event::Piece("x".repeat(bytes));
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
