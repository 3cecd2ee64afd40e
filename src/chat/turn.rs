//! A turn: from an open chat to its one end.
//!
//! The provider's pieces are told to those who follow the reply, collected, and saved now and then, which also renews
//! the lease. How the chat then ends, and who pays what, is in [`super::close`].

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt, StreamExt};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::Instrument;

use super::Ended;
use super::call::Caller;
use super::close::{Closing, Used, close};
use super::news::{News, Wish, topic};
use super::open::{Opened, lease_from};
use crate::ai::{Event, Request, Usage};
use crate::app::{App, Model};
use crate::cluster::{self, Subscription};
use crate::entity::chat::{self, Column, Status};
use crate::error::{Code, Error};
use crate::ledger;

/// So many new bytes of a reply are saved at once, before it is time.
const SAVE_BYTES: usize = 2048;

/// How the provider's stream came to an end.
pub(super) enum Outcome {
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
    let (chat_id, user_id) = (chat.id, chat.user_id);
    let closing = Closing::new(chat, model.price, outcome, written, Used { usage, estimated: given.is_none() }, kept);
    // On the heap when it comes to that: the task of each open chat would have room for it all the time.
    let ended = app.metrics.settle.of(Box::pin(close(app, closing))).await;
    if let Ok(Ended { chat, .. }) = &ended {
        app.metrics.turn(&chat.model, chat.status.to_value(), chat.cost, began.elapsed());
    }
    if let Some(caller) = caller {
        caller.finish();
    }
    app.bus.publish(&topic(chat_id), || News::Ended.encode());
    ledger::announce(&app.bus, user_id);
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
pub(super) struct Written {
    /// The reply.
    pub(super) text: String,
    /// What else is paid for.
    pub(super) other: String,
}

impl Written {
    pub(super) fn is_empty(&self) -> bool {
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
