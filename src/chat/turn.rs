//! A turn: from an open chat to its one end.
//!
//! The provider's pieces are told to those who follow the reply, collected, and saved now and then, which also renews
//! the lease. At the end one transaction
//! closes the chat, guarded by its open status, and settles or releases the hold. Who pays what is decided by
//! [`Closing::new`] and written in the README.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt, StreamExt};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tracing::Instrument;

use super::call::Caller;
use super::news::{News, Wish, topic};
use super::open::{Opened, lease_from};
use super::{Ended, context, search};
use crate::ai::{Event, Request, Usage};
use crate::app::{App, Model};
use crate::cluster::{self, Subscription};
use crate::db::Txn;
use crate::entity::chat::{self, Column, Status};
use crate::entity::ledger_entry::Reason;
use crate::error::{Code, Error};
use crate::ledger::{self, Settlement};
use crate::tokens::{Price, Tokens};

/// What users read of a chat whose server died.
pub(super) const INTERRUPTED: &str = "The server stopped before the answer was complete. Nothing was charged.";

/// First and longest pause before the closing transaction is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So many new bytes of a reply are saved at once, before it is time.
const SAVE_BYTES: usize = 2048;

/// How the provider's stream came to an end.
enum Outcome {
    /// The reply is whole.
    Done(Option<Usage>),
    /// The provider failed, before the first piece or after it.
    Failed(Error),
    /// The user stopped it.
    Stopped,
    /// The server stops and waits no longer.
    Interrupted,
    /// The chat is not open any more: deleted, or swept by another server. There is nothing to settle.
    Gone,
}

/// Drives the chat to its end.
///
/// # Errors
/// INTERNAL where the end could not be written, although it was tried for as long as the lease runs; NOT_FOUND where the
/// chat was deleted meanwhile.
pub(super) async fn drive(
    app: &App,
    model: &Model,
    opened: Opened,
    wishes: Subscription,
    mut caller: Option<Caller>,
) -> Result<Ended, Error> {
    let Opened { chat, request, kept, .. } = opened;
    let (asked, began) = (request.clone(), std::time::Instant::now());
    tracing::Span::current().record("chat", chat.id);
    let mut written = Written::default();
    let following = follow(app, model, Turn { chat_id: chat.id, request, kept }, wishes, &mut caller, &mut written)
        .instrument(tracing::debug_span!("provider_call", model = model.name));
    // A provider that panics has failed like any other; its hold must not wait for the sweeper.
    let mut outcome = AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model failed.").with_source("a panic"))
    });
    // Programs know what to make of an answer without text.
    if written.is_empty() && matches!(outcome, Outcome::Done(_)) && asked.passing.is_none() {
        outcome = Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model gave no answer."));
    }
    let given = if let Outcome::Done(usage) = outcome { usage } else { None };
    // Where the provider did not say, the estimate is the best there is, and marked as such.
    let usage = given.unwrap_or_else(|| {
        let count = |text: &str| model.provider.count(text);
        let read = match &asked.passing {
            Some(passing) => ["messages", "tools"].iter().filter_map(|name| passing.call.get(name)).map(count).sum(),
            None => asked.messages.iter().map(|message| count(&message.content)).sum(),
        };
        Usage { input: read, output: count(&written.text) + count(&written.other) }
    });
    let closing = Closing::new(&chat, model.price, outcome, written, Used { usage, estimated: given.is_none() }, kept);
    let ended = app.metrics.settle.of(close(app, closing)).await;
    if let Ok(Ended { chat, .. }) = &ended {
        app.metrics.turn(&chat.model, chat.status.to_value(), chat.cost, began.elapsed());
    }
    if let Some(caller) = caller {
        caller.finish(app, chat.id);
    }
    app.bus.publish(&topic(chat.id), || News::Ended.encode());
    ledger::announce(&app.bus, chat.user_id);
    ended
}

/// What a turn is about.
struct Turn {
    chat_id: i64,
    request: Request,
    kept: bool,
}

/// What a model has written.
#[derive(Default)]
struct Written {
    /// The reply.
    text: String,
    /// What else is paid for.
    other: String,
}

impl Written {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.other.is_empty()
    }
}

/// Collects and tells the pieces until the stream ends, one of the time-outs runs out, or the server stops.
async fn follow(
    app: &App,
    model: &Model,
    turn: Turn,
    mut wishes: Subscription,
    caller: &mut Option<Caller>,
    written: &mut Written,
) -> Outcome {
    let Turn { chat_id, request, kept } = turn;
    let limits = &app.config.turns;
    let (start, topic) = (Instant::now(), topic(chat_id));
    let in_one_piece = request.passing.as_ref().is_some_and(|passing| !passing.stream);
    let is_passed_on = request.passing.is_some();
    let mut reply = app.metrics.first_piece(&model.name, model.provider.reply(request));
    let mut chars = 0;
    let mut saving_due = interval_at(start + limits.save_interval, limits.save_interval.max(Duration::from_millis(1)));
    saving_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One save at a time, beside which the pieces flow on.
    let mut saving: Option<BoxFuture<'_, Result<bool, Error>>> = None;
    let (mut saved_len, mut saved_at) = (0, start);
    // Whoever asked has gone away, and only the count of the upstream is waited for.
    let mut drained = false;
    let mut piece_due = start + if in_one_piece { limits.turn_timeout } else { limits.first_piece_timeout };
    let mut turn_due = start + limits.turn_timeout;
    let outcome = loop {
        let mut save_now = false;
        tokio::select! {
            event = reply.next() => match event {
                Some(Ok(Event::End(usage))) => break Outcome::Done(usage),
                Some(Ok(event)) => {
                    if let Some(caller) = caller.as_mut() {
                        caller.tell(event.clone(), limits.piece_timeout.min(limits.lease / 3)).await;
                    }
                    let piece = match event {
                        Event::Piece(piece) => piece,
                        Event::Raw { text, other, .. } => {
                            written.other.push_str(&other);
                            text
                        }
                        Event::Refused { .. } | Event::End(_) => String::new(),
                    };
                    // PostgreSQL stores no NUL in text.
                    let piece = piece.replace('\0', "\u{fffd}");
                    let offset = chars;
                    chars += piece.chars().count();
                    written.text.push_str(&piece);
                    if kept && !piece.is_empty() {
                        app.bus.publish(&topic, || News::Piece { offset, text: piece }.encode());
                    }
                    piece_due = Instant::now() + limits.piece_timeout;
                    // A long text less often, so that saving it costs no more than all of it a few times.
                    save_now = kept && written.text.len() - saved_len >= SAVE_BYTES.max(saved_len / 4);
                }
                Some(Err(error)) => break Outcome::Failed(error),
                None => break Outcome::Failed(Error::new(Code::ProviderUnavailable, "The answer broke off.")),
            },
            // Nobody waits for the rest any more: what came is counted by ourselves.
            () = sleep_until(piece_due.min(turn_due)) => {
                if drained {
                    break Outcome::Stopped;
                }
                break Outcome::Failed(Error::new(Code::Timeout, "The language model took too long."));
            }
            wish = wishes.next() => {
                // One that was missed is said again by whoever wished.
                let cluster::News::Message(wish) = wish else { continue };
                match Wish::decode(&wish) {
                    Some(Wish::Stop) => break Outcome::Stopped,
                    Some(Wish::Repeat { from }) if kept && from < chars => {
                        let text = &written.text;
                        let start = text.char_indices().nth(from).map_or(text.len(), |(start, _)| start);
                        let piece = text.get(start..).unwrap_or_default().to_owned();
                        app.bus.publish(&topic, || News::Piece { offset: from, text: piece }.encode());
                    }
                    Some(Wish::Repeat { .. }) | None => {}
                }
            }
            () = left(caller.as_mut()) => {
                // Whoever is to pay by the upstream's own count has to hear it, if it comes in time.
                *caller = None;
                if !is_passed_on {
                    break Outcome::Stopped;
                }
                drained = true;
                turn_due = turn_due.min(Instant::now() + app.config.v1.drain);
            }
            () = app.stopping.cancelled() => break Outcome::Interrupted,
            _ = saving_due.tick() => {
                save_now = (kept && written.text.len() > saved_len) || saved_at.elapsed() >= limits.lease / 3;
            }
            Some(saved) = OptionFuture::from(saving.as_mut()) => {
                saving = None;
                match saved {
                    Ok(true) => {}
                    Ok(false) => break Outcome::Gone,
                    Err(error) => tracing::warn!(chat = chat_id, ?error, "a growing reply could not be saved"),
                }
            }
        }
        if save_now && saving.is_none() {
            (saved_len, saved_at) = (written.text.len(), Instant::now());
            saving = Some(save(app, chat_id, kept.then(|| written.text.clone())).boxed());
        }
    };
    // Not broken off in the middle: what closes the chat comes after it.
    if let Some(saving) = saving {
        saving.await.ok();
    }
    outcome
}

/// Waits until whoever asked has gone away.
async fn left(caller: Option<&mut Caller>) {
    match caller {
        Some(caller) => caller.left().await,
        None => std::future::pending().await,
    }
}

/// Saves the text so far, where it is kept, and renews the lease; says whether the chat is still open.
async fn save(app: &App, chat_id: i64, text: Option<String>) -> Result<bool, Error> {
    let lease = lease_from(app, app.clock.now());
    app.db
        .write((chat_id, text, lease), |txn, (chat_id, text, lease)| {
            Box::pin(async move {
                let mut update = chat::Entity::update_many()
                    .col_expr(Column::LeaseUntil, Expr::value(*lease))
                    .filter(Column::Id.eq(*chat_id))
                    .filter(Column::Status.eq(Status::Pending));
                if let Some(text) = text {
                    update = update.col_expr(Column::Response, Expr::value(text.as_str()));
                }
                Ok(update.exec(txn).await?.rows_affected == 1)
            })
        })
        .await
}

/// The end of a chat, as it is to be written.
pub(super) struct Closing {
    pub(super) chat_id: i64,
    pub(super) user_id: i64,
    pub(super) api_key_id: Option<i64>,
    pub(super) hold: Tokens,
    pub(super) cost: Tokens,
    pub(super) reason: Reason,
    pub(super) status: Status,
    /// None: what was saved last stays.
    pub(super) text: Option<String>,
    /// What searches find it by.
    pub(super) search_text: String,
    pub(super) usage: Option<Used>,
    pub(super) error: Option<(Code, String)>,
}

/// What a chat consumed.
#[derive(Clone, Copy)]
pub(super) struct Used {
    usage: Usage,
    /// The provider did not say.
    estimated: bool,
}

impl Closing {
    /// The rules of who pays what. Never more than the hold.
    fn new(chat: &chat::Model, price: Price, outcome: Outcome, written: Written, used: Used, kept: bool) -> Self {
        let (usage, nothing) = (used.usage, written.is_empty());
        let (status, reason, cost, error) = match outcome {
            Outcome::Done(_) => (Status::Done, Reason::ChatDone, price.of_reply(usage.input, usage.output), None),
            Outcome::Failed(error) => {
                tracing::warn!(chat = chat.id, model = chat.model, ?error, "the language model failed");
                let (reason, cost) = match nothing {
                    true => (Reason::ChatFailed, Tokens::ZERO),
                    false => (Reason::ChatBrokenOff, price.of_usage(usage.input, usage.output)),
                };
                (Status::Failed, reason, cost, Some((error.code, error.message)))
            }
            // What was produced is paid for like a whole reply; nothing for nothing.
            Outcome::Stopped => {
                let produced = if nothing { Tokens::ZERO } else { price.of_reply(usage.input, usage.output) };
                (Status::Stopped, Reason::ChatStopped, produced, None)
            }
            Outcome::Interrupted | Outcome::Gone => {
                let error = (Code::ProviderUnavailable, INTERRUPTED.to_owned());
                (Status::Interrupted, Reason::ChatInterrupted, Tokens::ZERO, Some(error))
            }
        };
        let used = (!nothing || !used.estimated).then_some(used);
        let text = if kept { written.text } else { String::new() };
        let cost = cost.min(chat.hold);
        Self {
            chat_id: chat.id,
            user_id: chat.user_id,
            api_key_id: chat.api_key_id,
            hold: chat.hold,
            cost,
            reason,
            status,
            search_text: search::text(&chat.message, &text),
            text: Some(text),
            usage: used,
            error,
        }
    }
}

/// Writes the end, again and again for as long as the lease runs: an answer that was made must not be lost to a
/// database that is away for a moment.
#[tracing::instrument(name = "settle", level = "debug", skip_all)]
async fn close(app: &App, closing: Closing) -> Result<Ended, Error> {
    let closing = std::sync::Arc::new(closing);
    let deadline = Instant::now() + app.config.turns.lease;
    let mut pause = FIRST_PAUSE;
    loop {
        let at = app.clock.now();
        let attempt = app.db.write((closing.clone(), at), |txn, (closing, at)| Box::pin(close_in(txn, closing, *at)));
        let error = match attempt.await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => break,
            Err(error) => error,
        };
        if Instant::now() + pause > deadline {
            return Err(error);
        }
        tracing::warn!(chat = closing.chat_id, ?error, "the end of a chat could not be written; trying again");
        timeout(pause, app.stopping.cancelled()).await.ok();
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    // Closed already: by an attempt whose answer was lost, by the sweeper, or by the deletion of the account.
    let chat = chat::Entity::find_by_id(closing.chat_id).one(app.db.read()).await?;
    let chat = chat.ok_or_else(|| Error::not_found("chat"))?;
    Ok(Ended { balance: ledger::balance(&app.db, chat.user_id).await?, chat })
}

/// Closes the chat if it is still open, and settles its hold.
pub(super) async fn close_in(
    txn: &Txn,
    closing: &Closing,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<Option<Ended>, Error> {
    let (code, message) = closing.error.as_ref().map(|(code, message)| (code.as_str(), message.as_str())).unzip();
    let units = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut update = chat::Entity::update_many()
        .col_expr(Column::Status, Expr::value(closing.status))
        .col_expr(Column::Cost, Expr::value(closing.cost))
        .col_expr(Column::ErrorCode, Expr::value(code))
        .col_expr(Column::ErrorMessage, Expr::value(message))
        .col_expr(Column::FinishedAt, Expr::value(at))
        .col_expr(Column::LeaseUntil, Expr::value(None::<chrono::DateTime<chrono::Utc>>))
        .col_expr("search_text", Expr::value(closing.search_text.as_str()))
        .filter(Column::Id.eq(closing.chat_id))
        .filter(Column::Status.eq(Status::Pending));
    if let Some(text) = &closing.text {
        update = update.col_expr(Column::Response, Expr::value(text.as_str()));
    }
    if let Some(Used { usage, estimated }) = closing.usage {
        update = update
            .col_expr(Column::InputUnits, Expr::value(units(usage.input)))
            .col_expr(Column::OutputUnits, Expr::value(units(usage.output)))
            .col_expr(Column::UsageEstimated, Expr::value(estimated));
    }
    let Some(chat) = update.exec_with_returning(txn).await?.into_iter().next() else { return Ok(None) };
    if chat.response.is_empty() {
        context::put_back(txn, chat.id).await?;
    }
    let Closing { chat_id, user_id, api_key_id, hold, cost, reason, .. } = *closing;
    let balance = ledger::settle(txn, Settlement { user_id, chat_id, api_key_id, hold, cost, reason, at }).await?;
    Ok(Some(Ended { chat, balance }))
}
