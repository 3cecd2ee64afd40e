//! Chats: send a message, drive the turn, read the history.
//!
//! Every message is paid for by a hold that is taken before the model is asked, in the same transaction that stores the
//! message. The turn then runs in a task of its own and does not depend on the caller staying.

mod open;
mod sweep;
mod turn;

use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use self::open::Open;
pub use self::sweep::{sweep, sweep_forever};
use crate::app::App;
use crate::entity::chat::{self, Column, Status};
use crate::error::{Code, Error};
use crate::ledger::{self, Balance};
use crate::page::{Page, Slice};
use crate::rate_limit::Full;
use crate::viewer::Viewer;

/// A message to be answered.
#[derive(Clone, Debug, Default)]
pub struct Send {
    /// What the user says.
    pub message: String,
    /// The model by name; the default one where none is named.
    pub model: Option<String>,
    /// Makes retries harmless: the same key returns the first chat.
    pub idempotency_key: Option<String>,
}

/// A chat that has ended, and what the user has left.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The chat, in a status other than PENDING.
    pub chat: chat::Model,
    /// The balance right after.
    pub balance: Balance,
}

impl Ended {
    /// What went wrong, if the model failed.
    pub fn failure(&self) -> Option<Error> {
        failure(&self.chat)
    }
}

/// What went wrong with a chat that has ended without a whole reply.
pub fn failure(chat: &chat::Model) -> Option<Error> {
    let code = match (chat.status, chat.error_code.as_deref()) {
        (Status::Failed | Status::Interrupted, Some("TIMEOUT")) => Code::Timeout,
        (Status::Failed | Status::Interrupted, _) => Code::ProviderUnavailable,
        (Status::Pending | Status::Done | Status::Stopped, _) => return None,
    };
    Some(Error::new(code, chat.error_message.clone().unwrap_or_else(|| turn::INTERRUPTED.to_owned())))
}

/// Sends a message and waits for the end of its chat.
///
/// A model that fails is no error here: the chat has ended, and [`Ended::failure`] tells how.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; INVALID_INPUT for a message or model that will not do; INSUFFICIENT_TOKENS;
/// RATE_LIMITED with too many open turns; CONFLICT where the idempotency key stands for another message. Nothing is
/// stored or charged then.
pub async fn send(app: &App, viewer: Viewer, input: Send) -> Result<Ended, Error> {
    match begin(app, viewer, input).await? {
        Begun::New(_, end) => end.await.map_err(Error::internal)?,
        Begun::Seen(chat) => wait_for_end(app, chat.id).await,
    }
}

/// Sends a message and returns as soon as the hold is taken: the chat is PENDING, and its turn goes on by itself.
///
/// # Errors
/// As [`send`].
pub async fn start(app: &App, viewer: Viewer, input: Send) -> Result<chat::Model, Error> {
    match begin(app, viewer, input).await? {
        Begun::New(chat, _) | Begun::Seen(chat) => Ok(*chat),
    }
}

/// Stops the reply of one of the viewer's own chats, on whichever server it is made, and waits for the end. What was
/// produced is kept and paid for. A chat that has ended already stays as it is.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's chat; TIMEOUT where its server gives no
/// sign of life: then the chat ends with its lease.
pub async fn stop(app: &App, viewer: Viewer, chat_id: i64) -> Result<Ended, Error> {
    let chat = find(app, viewer, chat_id).await?;
    let deadline = Instant::now() + STOP_PATIENCE;
    while Instant::now() < deadline {
        // Said again and again, since news may be lost.
        app.bus.publish(&stop_topic(chat.id), Vec::new);
        if let Ok(ended) = timeout(LOOK_AGAIN, wait_for_end(app, chat.id)).await {
            return ended;
        }
    }
    Err(Error::new(Code::Timeout, "The answer could not be stopped in time."))
}

/// A message that was accepted.
enum Begun {
    /// The hold is taken and the turn is running; its end comes through the channel.
    New(Box<chat::Model>, oneshot::Receiver<Result<Ended, Error>>),
    /// The idempotency key was seen before; this is the first chat, whatever its state.
    Seen(Box<chat::Model>),
}

async fn begin(app: &App, viewer: Viewer, input: Send) -> Result<Begun, Error> {
    let user_id = viewer.user()?.id;
    let (opening, model) = open::check(app, user_id, input)?;
    let place = app.turns.take(user_id).map_err(|full| match full {
        Full::Owner => Error::rate_limited("Too many of your messages are being answered. Wait for one of them.", 1),
        Full::Total => Error::rate_limited("Too many messages are being answered. Try again in a moment.", 1),
    })?;
    let (report, reported) = oneshot::channel();
    let own = app.clone();
    // In a task from here on: a caller who goes away between the hold and the turn must not leave a chat without one.
    app.tasks.spawn(async move {
        let _place = place;
        match open::open(&own, opening).await {
            Ok(Open::New(opened)) => {
                let (report_end, end) = oneshot::channel();
                // Listening begins before anybody knows of the chat, so that no wish to stop it is missed.
                let stop = own.bus.subscribe(&stop_topic(opened.chat.id));
                report.send(Ok(Begun::New(Box::new(opened.chat.clone()), end))).ok();
                let end = turn::drive(&own, &model, opened, stop).await;
                if let Some(error) = end.as_ref().err().filter(|error| error.code != Code::NotFound) {
                    tracing::error!(?error, "a turn could not be settled; the sweeper will end it");
                }
                report_end.send(end).ok();
            }
            Ok(Open::Seen(chat)) => drop(report.send(Ok(Begun::Seen(Box::new(chat))))),
            Err(error) => drop(report.send(Err(error))),
        }
    });
    reported.await.map_err(Error::internal)?
}

/// How long to wait for news of a chat before looking at its row again: the news may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long whoever stops a chat waits for its end.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

async fn wait_for_end(app: &App, chat_id: i64) -> Result<Ended, Error> {
    // Listening begins before the row is read, so that an end in between is not missed.
    let mut news = app.bus.subscribe(&topic(chat_id));
    loop {
        let chat =
            chat::Entity::find_by_id(chat_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("chat"))?;
        if chat.status != Status::Pending {
            let balance = ledger::balance(&app.db, chat.user_id).await?;
            return Ok(Ended { chat, balance });
        }
        timeout(LOOK_AGAIN, news.next()).await.ok();
    }
}

/// Where the news of a chat are published.
fn topic(chat_id: i64) -> String {
    format!("chat:{chat_id}")
}

/// Where a wish to stop a chat is published.
fn stop_topic(chat_id: i64) -> String {
    format!("chat:{chat_id}:stop")
}

/// One of the viewer's own chats.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's.
pub async fn find(app: &App, viewer: Viewer, chat_id: i64) -> Result<chat::Model, Error> {
    let own = chat::Entity::of(viewer.user()?.id).filter(Column::Id.eq(chat_id));
    own.one(app.db.read()).await?.ok_or_else(|| Error::not_found("chat"))
}

/// The viewer's own chats, newest first.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers.
pub async fn history(app: &App, viewer: Viewer, page: Page) -> Result<Slice<chat::Entity>, Error> {
    page.load(app.db.read(), chat::Entity::of(viewer.user()?.id), Column::Id).await
}

/// The chats that were answered in full, newest first: the history as the REST routes know it.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers.
pub async fn answered(app: &App, viewer: Viewer, page: Page) -> Result<Slice<chat::Entity>, Error> {
    let answered = chat::Entity::of(viewer.user()?.id).filter(Column::Status.eq(Status::Done));
    page.load(app.db.read(), answered, Column::Id).await
}

/// Everybody's chats, or one user's, newest first, for staff.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for everybody else.
pub async fn all(app: &App, viewer: Viewer, user_id: Option<i64>, page: Page) -> Result<Slice<chat::Entity>, Error> {
    viewer.staff()?;
    let chats = user_id.map_or_else(chat::Entity::find, chat::Entity::of);
    page.load(app.db.read(), chats, Column::Id).await
}

/// A chat for staff, whoever sent it.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for everybody else; NOT_FOUND without such a chat.
pub async fn find_any(app: &App, viewer: Viewer, chat_id: i64) -> Result<chat::Model, Error> {
    viewer.staff()?;
    chat::Entity::find_by_id(chat_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("chat"))
}

/// The chats with these ids, in no particular order; those that are gone are left out. Whoever shows them has decided
/// that they may be seen.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn by_ids(app: &App, ids: &[i64]) -> Result<Vec<chat::Model>, Error> {
    Ok(chat::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}
