//! Calls of programs: they bring their own context, and hear the answer while it is made.
//!
//! Where the text is not stored, the answer is known only to whoever called. A call with an idempotency key goes on also
//! when the caller goes away, and its answer is kept in memory for a while, for another try; any other call is stopped,
//! except that the upstream's own count is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc;

use super::{Begun, Ended, begin, open, wait_for_end};
use crate::ai::{Event, Request};
use crate::app::App;
use crate::entity::chat::{self, Status};
use crate::error::{Code, Error};
use crate::ledger::{self, Balance};
use crate::recording::Recording;
use crate::viewer::Viewer;

/// Parts of an answer that may wait for a slow caller; then the upstream waits too.
const PARTS: usize = 32;
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
    /// The whole call: a repeated key has to come with the same.
    pub fingerprint: Vec<u8>,
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
    /// One, while it is made; and whether that one has read too slowly.
    Live(mpsc::Sender<Event>, Arc<AtomicBool>),
    /// Any number, also later.
    Recorded(Arc<Recording<Event>>),
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
    let (opening, model) = open::check_call(app, identity, call)?;
    let is_cut_off = Arc::new(AtomicBool::new(false));
    let (caller, events) = if keyed {
        let recording = Arc::new(Recording::default());
        (Caller::Recorded(recording.clone()), recording.follow().boxed())
    } else {
        let (sender, mut receiver) = mpsc::channel(PARTS);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context));
        (Caller::Live(sender, is_cut_off.clone()), events.boxed())
    };
    match begin(app, identity, opening, model, Some(caller)).await? {
        Begun::New { chat, balance, end } => {
            let end = async move {
                let ended = end.await.map_err(Error::internal)?;
                // An answer that was cut off must not look whole, however the chat ended.
                if is_cut_off.load(Ordering::Relaxed) {
                    let message = "The client read too slowly; the rest of the answer was not sent.";
                    return Err(Error::new(Code::Timeout, message));
                }
                ended
            };
            Ok(Called { chat: *chat, balance, events, end: end.boxed() })
        }
        Begun::Seen(chat) => {
            let events = again(app, &chat).await?;
            let balance = ledger::balance(&app.db, chat.user_id).await?;
            let (app, id) = (app.clone(), chat.id);
            Ok(Called { chat: *chat, balance, events, end: async move { wait_for_end(&app, id).await }.boxed() })
        }
    }
}

/// The answer of an earlier call with the same key: as it was recorded, or its text, where that is stored.
async fn again(app: &App, chat: &chat::Model) -> Result<BoxStream<'static, Event>, Error> {
    for _ in 0..LOOKS {
        if let Some(recording) = app.answers.get(&chat.id) {
            return Ok(recording.follow().boxed());
        }
        if chat.status != Status::Pending {
            break;
        }
        // Whoever opened it has just written so, and is about to record.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    if chat.status == Status::Done && !chat.response.is_empty() {
        return Ok(stream::once(std::future::ready(Event::Piece(chat.response.clone()))).boxed());
    }
    let message = "This idempotency key was used before, and its answer is not kept here any more.";
    Err(Error::new(Code::Conflict, message))
}

impl Caller {
    /// What is recorded is known by its chat, for those who try again.
    pub(super) fn opened(&self, app: &App, chat_id: i64) {
        if let Caller::Recorded(recording) = self {
            app.answers.insert(chat_id, recording.clone());
        }
    }

    /// Tells a part. A caller who takes none for this time has gone away.
    pub(super) async fn tell(&mut self, event: Event, patience: Duration) {
        match self {
            Caller::Live(sender, is_cut_off) => {
                let sent = tokio::time::timeout(patience, sender.send(event)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    is_cut_off.store(true, Ordering::Relaxed);
                    // Closed for the receiver too, so that `left` sees it.
                    *self = Caller::Live(mpsc::channel(1).0, is_cut_off.clone());
                }
            }
            Caller::Recorded(recording) => recording.push(event),
        }
    }

    /// Waits until the caller has gone away. Whoever is recorded for never does.
    pub(super) async fn left(&mut self) {
        match self {
            Caller::Live(sender, _) => sender.closed().await,
            Caller::Recorded(_) => std::future::pending().await,
        }
    }

    /// The chat has ended.
    pub(super) fn finish(self, app: &App, chat_id: i64) {
        if let Caller::Recorded(recording) = self {
            recording.finish();
            // Once more, since only now it is known how much it holds.
            app.answers.insert(chat_id, recording);
        }
    }
}
