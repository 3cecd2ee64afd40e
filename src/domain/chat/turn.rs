//! A turn: from an open chat to its one end.
//!
//! The provider's pieces are told to those who follow the reply, collected, and saved now and then, which also renews
//! the lease. How the chat then ends, and who pays what, is in [`super::close`].

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::OptionFuture;
use futures::{FutureExt, StreamExt};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::Instrument;

use super::FinishedChat;
use super::api_call::ResponseSink;
use super::close::{ClosedChat, MeteredUsage, close};
use super::events::{ReplyEvent, TurnCommand, topic};
use super::open::{OpenedChat, lease_deadline};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::ledger;
use crate::infra::ai::{Event, Request, Usage};
use crate::infra::catalog::Model;
use crate::infra::cluster::{self, Subscription};
use crate::infra::entity::chat::{self, Column, Status};

/// So many new bytes of a reply are saved at once, before it is time.
const SAVE_BYTES: usize = 2048;
/// The longest reply. What is passed on and not kept does not count.
const MAX_REPLY_BYTES: usize = 32 << 20;

/// What is not stored is in memory up to so many bytes, by which all of it is counted.
const MAX_COUNTED_BYTES: usize = 1 << 20;

/// An upstream that fails after the caller was waited for so long in all may have given up on the caller.
const MAX_STALL: Duration = Duration::from_secs(2);

/// How the provider's stream came to an end.
pub(super) enum Outcome {
    /// The reply is whole.
    Done,
    /// The provider failed, before the first piece or after it.
    Failed(Error),
    /// The caller's own end: the user stopped it, the caller disconnected, or what was asked for reached one of our
    /// limits, which is named.
    Stopped(Option<Error>),
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
pub(super) async fn run(
    app: &App,
    model: &Model,
    opened: OpenedChat,
    wishes: Subscription,
    mut caller: Option<ResponseSink>,
) -> Result<FinishedChat, Error> {
    let OpenedChat { chat, request, kept, price, input_bound, .. } = opened;
    let (asked, began, is_call) = (request.clone(), std::time::Instant::now(), caller.is_some());
    tracing::Span::current().record("chat", chat.id);
    let mut written = GeneratedOutput::default();
    let turn = Turn {
        app,
        chat_id: chat.id,
        topic: topic(chat.id),
        kept,
        is_passed_on: asked.passing.is_some(),
        in_one_piece: asked.passing.as_ref().is_some_and(|passing| !passing.stream),
        bills_late: price.is_metered() && model.provider.reports_usage(),
        caller: &mut caller,
        written: &mut written,
        draining: None,
        stalled: Duration::ZERO,
    };
    let following =
        turn.pump(model, request, wishes).instrument(tracing::debug_span!("provider_call", model = model.name));
    // A provider that panics has failed like any other; its hold must not wait for the sweeper.
    let mut outcome = AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model failed.").with_source("a panic"))
    });
    // Programs know what to make of an answer without text.
    if written.text.is_empty() && matches!(outcome, Outcome::Done) && !is_call {
        outcome = Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model gave no answer."));
    }
    let used = MeteredUsage::of(model, &asked, price.is_metered().then_some(input_bound), &written, &outcome);
    let (chat_id, user_id) = (chat.id, chat.user_id);
    let closing = ClosedChat::new(chat, price, outcome, written, used, kept);
    if let Some(over) = &closing.over_hold {
        app.metrics.usage_over_hold(&closing.chat.model);
        let hold = closing.chat.hold;
        tracing::warn!(chat = chat_id, model = model.name, %hold, cost = %over, "the usage of a chat exceeds its hold");
    }
    // On the heap when it comes to that: the task of each open chat would have room for it all the time.
    let ended = app.metrics.settle.of(Box::pin(close(app, closing))).await;
    if let Ok(FinishedChat { chat, .. }) = &ended {
        app.metrics.turn(&chat.model, chat.status.to_value(), chat.cost, began.elapsed());
    }
    if let Some(caller) = caller {
        caller.finish();
    }
    app.bus.publish(&topic(chat_id), || ReplyEvent::Ended.encode());
    ledger::notify_balance_changed(&app.bus, user_id);
    ended
}

/// What a model has written, and what its upstream has reported.
#[derive(Default)]
pub(super) struct GeneratedOutput {
    /// The reply.
    pub(super) text: String,
    /// What else is paid for.
    pub(super) other: String,
    /// What the model thought before it answered: paid for, and no answer by itself.
    pub(super) thoughts: String,
    /// What came after the user stopped the reply. It is counted, and shown to no one.
    pub(super) unseen: String,
    /// Bytes of all these that are not in memory: what is not stored is only counted, by what came first.
    pub(super) left_out: usize,
    /// The last usage that was reported.
    pub(super) reported: Option<Usage>,
    /// The upstream has accepted the request, and bills its input.
    pub(super) accepted: bool,
    /// The caller did not wait for an answer in one piece, which the upstream went on with.
    pub(super) abandoned: bool,
}

impl GeneratedOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.has_no_answer() && self.thoughts.is_empty()
    }

    /// Whether there is nothing, or nothing but thoughts.
    pub(super) fn has_no_answer(&self) -> bool {
        self.text.is_empty() && self.other.is_empty()
    }

    /// What an upstream has reported is not taken back by a smaller number.
    fn report(&mut self, usage: Usage) {
        let before = self.reported.unwrap_or_default();
        let (input, output) = (usage.input.max(before.input), usage.output.max(before.output));
        self.reported = Some(Usage { input, output });
    }

    pub(super) fn len(&self) -> usize {
        self.in_memory() + self.left_out
    }

    /// Bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.text.len() + self.other.len() + self.thoughts.len() + self.unseen.len()
    }

    /// Adds what is only counted.
    fn add(&mut self, text: &str, into: impl Fn(&mut Self) -> &mut String) {
        let room = MAX_COUNTED_BYTES.saturating_sub(into(self).len());
        let (counted, rest) = text.split_at(text.floor_char_boundary(room));
        into(self).push_str(counted);
        self.left_out += rest.len();
    }
}

/// Why the provider is only read on for its usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    /// The caller has disconnected: the reply is whole if its end still comes.
    Disconnected,
    /// The user has stopped the reply.
    Stopped,
}

/// A turn that is under way.
struct Turn<'a> {
    app: &'a App,
    chat_id: i64,
    topic: String,
    kept: bool,
    is_passed_on: bool,
    in_one_piece: bool,
    /// The cost depends on a usage that the upstream reports at the end.
    bills_late: bool,
    caller: &'a mut Option<ResponseSink>,
    written: &'a mut GeneratedOutput,
    draining: Option<Draining>,
    /// How long the caller has been waited for in all.
    stalled: Duration,
}

impl Turn<'_> {
    /// Collects and publishes the pieces until the stream ends, one of the time-outs runs out, or the server stops.
    async fn pump(mut self, model: &Model, request: Request, mut wishes: Subscription) -> Outcome {
        let (app, limits) = (self.app, &self.app.config.turns);
        let start = Instant::now();
        let is_piece = |event: &Event| !matches!(event, Event::Accepted | Event::Usage(_));
        let mut reply = app.metrics.time_to_first_chunk(&model.name, model.provider.reply(request), is_piece);
        let save_interval = limits.save_interval.max(Duration::from_millis(1));
        let mut saving_due = interval_at(start + limits.save_interval, save_interval);
        saving_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // One save at a time, beside which the pieces flow on. In a task of its own: while a slow caller is waited for, no one
        // polls it here, and it would keep its connection and its locks.
        let mut saving: Option<JoinHandle<Result<bool, Error>>> = None;
        let (mut saved_len, mut saved_at, mut chars) = (0, start, 0);
        let mut piece_due = start + if self.in_one_piece { limits.turn_timeout } else { limits.first_chunk_timeout };
        let mut turn_due = start + limits.turn_timeout;
        let outcome = loop {
            let mut save_now = false;
            tokio::select! {
                event = reply.next() => {
                    let event = match event {
                        Some(Ok(Event::Done(usage))) => break self.ended(usage),
                        Some(Ok(event)) => event,
                        Some(Err(error)) => break self.failed(error),
                        None => {
                            break self.failed(Error::new(Code::ProviderUnavailable, "The answer broke off."));
                        }
                    };
                    if is_piece(&event) {
                        self.take(event, &mut chars).await;
                        piece_due = Instant::now() + limits.chunk_timeout;
                    } else {
                        self.note(&event);
                    }
                    if self.written.len() > MAX_REPLY_BYTES {
                        let message = format!("The answer has more than {MAX_REPLY_BYTES} bytes.");
                        break Outcome::Stopped(Some(Error::new(Code::PayloadTooLarge, message)));
                    }
                    // A long text less often, so that saving it costs no more than all of it a few times.
                    save_now = (self.kept && self.written.text.len() - saved_len >= SAVE_BYTES.max(saved_len / 4))
                        || saved_at.elapsed() >= limits.lease / 3;
                }
                () = sleep_until(piece_due.min(turn_due)) => break self.late(turn_due <= piece_due),
                wish = wishes.next() => {
                    // One that was missed is said again by whoever wished.
                    let cluster::BusEvent::Message(wish) = wish else { continue };
                    match TurnCommand::decode(&wish) {
                        Some(TurnCommand::Stop) if !self.bills_late => break Outcome::Stopped(None),
                        Some(TurnCommand::Stop) => {
                            if self.draining.is_none() {
                                turn_due = turn_due.min(Instant::now() + app.config.v1.usage_wait_timeout);
                            }
                            self.draining = Some(Draining::Stopped);
                            if matches!(self.caller, Some(ResponseSink::Direct(..))) {
                                *self.caller = None;
                            }
                        }
                        Some(TurnCommand::Repeat { from }) => self.repeat(from, chars),
                        None => {}
                    }
                }
                () = disconnected(self.caller.as_mut()) => {
                    // Who is to pay by the upstream's own count has to get it, if it comes in time.
                    *self.caller = None;
                    if !self.is_passed_on {
                        break Outcome::Stopped(None);
                    }
                    self.draining = Some(Draining::Disconnected);
                    turn_due = turn_due.min(Instant::now() + app.config.v1.usage_wait_timeout);
                }
                () = app.stopping.cancelled() => break Outcome::Interrupted,
                _ = saving_due.tick() => {
                    save_now = (self.kept && self.written.text.len() > saved_len)
                        || saved_at.elapsed() >= limits.lease / 3;
                }
                Some(saved) = OptionFuture::from(saving.as_mut()) => {
                    saving = None;
                    match saved.map_err(Error::internal).flatten() {
                        Ok(true) => {}
                        Ok(false) => break Outcome::Gone,
                        Err(error) => {
                            tracing::warn!(chat = self.chat_id, ?error, "a growing reply could not be saved");
                        }
                    }
                }
            }
            if save_now && saving.is_none() {
                (saved_len, saved_at) = (self.written.text.len(), Instant::now());
                let (own, id, text) = (app.clone(), self.chat_id, self.kept.then(|| self.written.text.clone()));
                saving = Some(app.tasks.spawn(async move { save(&own, id, text).await }));
            }
        };
        // Not broken off in the middle: what closes the chat comes after it.
        if let Some(saving) = saving {
            saving.await.ok();
        }
        outcome
    }

    /// Notes what the upstream says beside the reply.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Accepted => self.written.accepted = true,
            Event::Usage(usage) => self.written.report(*usage),
            Event::Chunk(_)
            | Event::RawChunk { .. }
            | Event::Beside { .. }
            | Event::Rejected { .. }
            | Event::Done(_) => {}
        }
    }

    /// Takes a piece: for the caller, for those who follow the reply, and for the account.
    async fn take(&mut self, event: Event, chars: &mut usize) {
        let is_stopped = self.draining == Some(Draining::Stopped);
        let is_shown = !is_stopped && !matches!(event, Event::Beside { .. });
        if let Some(caller) = self.caller.as_mut().filter(|_| is_shown) {
            let limits = &self.app.config.turns;
            let since = Instant::now();
            let timeout = limits.chunk_timeout.min(limits.lease / 3);
            caller.tell(event.clone(), timeout).await;
            let waited = since.elapsed();
            // One who was given up on counts as one who was waited for long enough.
            self.stalled = if waited < timeout { self.stalled.saturating_add(waited) } else { Duration::MAX };
        }
        let text = match event {
            Event::Chunk(text) | Event::RawChunk { text, .. } => text,
            Event::Beside { other, thoughts } if is_stopped => other + &thoughts,
            Event::Beside { other, thoughts } => {
                self.written.add(&other, |written| &mut written.other);
                self.written.add(&thoughts, |written| &mut written.thoughts);
                return;
            }
            Event::Accepted | Event::Usage(_) | Event::Rejected { .. } | Event::Done(_) => return,
        };
        if is_stopped {
            self.written.add(&text, |written| &mut written.unseen);
            return;
        }
        if !self.kept {
            self.written.add(&text, |written| &mut written.text);
            return;
        }
        // PostgreSQL stores no NUL in text.
        let piece = text.replace('\0', "\u{fffd}");
        let offset = *chars;
        *chars += piece.chars().count();
        self.written.text.push_str(&piece);
        if !piece.is_empty() {
            self.app.bus.publish(&self.topic, || ReplyEvent::Piece { offset, text: piece }.encode());
        }
    }

    /// Publishes the reply again from this character on.
    fn repeat(&self, from: usize, chars: usize) {
        if !self.kept || from >= chars {
            return;
        }
        let text = &self.written.text;
        let start = text.char_indices().nth(from).map_or(text.len(), |(start, _)| start);
        let piece = text.get(start..).unwrap_or_default().to_owned();
        self.app.bus.publish(&self.topic, || ReplyEvent::Piece { offset: from, text: piece }.encode());
    }

    /// The provider says that the reply is whole.
    fn ended(self, usage: Option<Usage>) -> Outcome {
        if let Some(usage) = usage {
            self.written.report(usage);
        }
        if self.draining == Some(Draining::Stopped) { Outcome::Stopped(None) } else { Outcome::Done }
    }

    /// The provider fails. Not on its own account where the user has stopped it already, where the caller asked for more
    /// than can be kept, or where it was made to wait for a caller who does not read.
    fn failed(self, error: Error) -> Outcome {
        if self.draining == Some(Draining::Stopped) {
            return Outcome::Stopped(None);
        }
        let was_stalled =
            self.stalled >= MAX_STALL.min(self.app.config.turns.chunk_timeout) && !self.written.is_empty();
        if was_stalled || error.code == Code::PayloadTooLarge {
            return Outcome::Stopped(Some(error));
        }
        Outcome::Failed(error)
    }

    /// A time-out has run out: that of the whole turn, or the one for the next piece.
    fn late(self, is_whole_turn: bool) -> Outcome {
        if self.draining.is_some() {
            // Nobody waits for the rest any more: what came is counted by ourselves.
            self.written.abandoned = self.in_one_piece && self.written.is_empty();
            return Outcome::Stopped(None);
        }
        let error = Error::new(Code::Timeout, "The language model took too long.");
        // A limit of our own, which who asks for a long answer can make sure to reach.
        if is_whole_turn && !self.written.is_empty() {
            return Outcome::Stopped(Some(error));
        }
        if is_whole_turn && self.in_one_piece && self.written.accepted {
            self.written.abandoned = true;
            return Outcome::Stopped(Some(error));
        }
        Outcome::Failed(error)
    }
}

/// Waits until whoever asked has gone away.
async fn disconnected(caller: Option<&mut ResponseSink>) {
    match caller {
        Some(caller) => caller.left().await,
        None => std::future::pending().await,
    }
}

/// Saves the text so far, where it is kept, and renews the lease; says whether the chat is still open.
async fn save(app: &App, chat_id: i64, text: Option<String>) -> Result<bool, Error> {
    let lease = lease_deadline(app, app.clock.now());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_counted_takes_little_memory_and_counts_whole() {
        let mut written = GeneratedOutput::default();
        for _ in 0..3 {
            written.add(&"ü".repeat(500_001), |written| &mut written.text);
        }
        assert_eq!(written.len(), 3_000_006);
        assert!(written.in_memory() <= MAX_COUNTED_BYTES && written.in_memory() > MAX_COUNTED_BYTES - 2);
        written.add("x", |written| &mut written.other);
        assert_eq!((written.other.as_str(), written.len()), ("x", 3_000_007));
        let mut large = GeneratedOutput::default();
        large.add(&"x".repeat(5 << 20), |written| &mut written.text);
        assert_eq!((large.in_memory(), large.len()), (MAX_COUNTED_BYTES, 5 << 20));
    }
}
