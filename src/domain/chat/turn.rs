//! The turn of a chat: from an open chat to its one end.
//!
//! The provider's chunks are published to the followers of the reply, collected, and saved periodically, which also
//! renews the lease. Closing the chat, and the rules of who pays what, are in [`super::close`].

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

/// New bytes of a reply that trigger a save before the interval is over.
const SAVE_BYTES: usize = 2048;
/// Maximum size of a reply. Passed-through bytes that are not stored do not count.
const MAX_REPLY_BYTES: usize = 32 << 20;

/// Maximum size in memory of text that is not stored; the total is extrapolated from it.
const MAX_COUNTED_BYTES: usize = 1 << 20;

/// If the upstream fails after the turn has waited for the caller this long in total, the slow caller may be the cause.
const MAX_STALL: Duration = Duration::from_secs(2);

/// The outcome of the provider's stream.
pub(super) enum Outcome {
    /// The reply is complete.
    Done,
    /// The provider failed, before the first chunk or after it.
    Failed(Error),
    /// Ended on the caller's side: the user stopped it, the caller disconnected, or the reply reached one of the
    /// server's limits, which is given.
    Stopped(Option<Error>),
    /// The server shuts down and does not wait any longer.
    Interrupted,
    /// The chat is no longer open: deleted, or swept by another server. There is nothing to settle.
    Gone,
}

/// Runs the turn until the chat is closed.
///
/// # Errors
/// INTERNAL if the chat could not be closed, with retries for the time of the lease; NOT_FOUND if the chat was deleted
/// meanwhile.
pub(super) async fn run(
    app: &App,
    model: &Model,
    opened: OpenedChat,
    commands: Subscription,
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
        turn.pump(model, request, commands).instrument(tracing::debug_span!("provider_call", model = model.name));
    // A provider that panics has failed like any other; its hold must not wait for the sweeper.
    let mut outcome = AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model failed.").with_source("a panic"))
    });
    // API clients can handle an answer without text.
    if written.text.is_empty() && matches!(outcome, Outcome::Done) && !is_call {
        outcome = Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model gave no answer."));
    }
    let used = MeteredUsage::of(model, &asked, price.is_metered().then_some(input_bound), &written, &outcome);
    let (chat_id, user_id) = (chat.id, chat.user_id);
    let closing = ClosedChat::new(chat, price, outcome, written, used, kept);
    if let Some(over) = &closing.over_hold {
        app.metrics.usage_over_hold(&closing.chat.model);
        let hold = closing.chat.hold;
        tracing::warn!(chat = chat_id, model = model.name, %hold, cost = %over, "chat usage exceeds its hold");
    }
    // Boxed: otherwise the task of each open chat would reserve memory for this future all the time.
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

/// The output that a model has generated, and the usage that its upstream has reported.
#[derive(Default)]
pub(super) struct GeneratedOutput {
    /// The reply.
    pub(super) text: String,
    /// Other output that is paid for.
    pub(super) other: String,
    /// The model's reasoning before the answer: paid for, but no answer on its own.
    pub(super) thoughts: String,
    /// The output after the user stopped the reply. It is counted, and shown to no one.
    pub(super) unseen: String,
    /// Bytes of all these that are not in memory: text that is not stored is only counted, by extrapolation from its
    /// beginning.
    pub(super) left_out: usize,
    /// The last reported usage.
    pub(super) reported: Option<Usage>,
    /// Whether the upstream has accepted the request, and bills its input.
    pub(super) accepted: bool,
    /// Whether the turn stopped waiting for a non-streaming answer, which the upstream continued to generate.
    pub(super) abandoned: bool,
}

impl GeneratedOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.has_no_answer() && self.thoughts.is_empty()
    }

    /// Returns whether there is no output, or nothing but reasoning.
    pub(super) fn has_no_answer(&self) -> bool {
        self.text.is_empty() && self.other.is_empty()
    }

    /// Updates the reported usage. A smaller number does not reduce what the upstream has reported before.
    fn report(&mut self, usage: Usage) {
        let before = self.reported.unwrap_or_default();
        let (input, output) = (usage.input.max(before.input), usage.output.max(before.output));
        self.reported = Some(Usage { input, output });
    }

    pub(super) fn len(&self) -> usize {
        self.in_memory() + self.left_out
    }

    /// Returns the bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.text.len() + self.other.len() + self.thoughts.len() + self.unseen.len()
    }

    /// Adds text that is only counted.
    fn add(&mut self, text: &str, into: impl Fn(&mut Self) -> &mut String) {
        let room = MAX_COUNTED_BYTES.saturating_sub(into(self).len());
        let (counted, rest) = text.split_at(text.floor_char_boundary(room));
        into(self).push_str(counted);
        self.left_out += rest.len();
    }
}

/// The reason why the provider's stream is read only for its usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    /// The caller has disconnected: the reply is complete if its end arrives in time.
    Disconnected,
    /// The user has stopped the reply.
    Stopped,
}

/// A running turn.
struct Turn<'a> {
    app: &'a App,
    chat_id: i64,
    topic: String,
    kept: bool,
    is_passed_on: bool,
    in_one_piece: bool,
    /// Whether the cost depends on a usage that the upstream reports at the end.
    bills_late: bool,
    caller: &'a mut Option<ResponseSink>,
    written: &'a mut GeneratedOutput,
    draining: Option<Draining>,
    /// The total time spent waiting for the caller.
    stalled: Duration,
}

impl Turn<'_> {
    /// Collects and publishes the chunks until the stream ends, one of the timeouts expires, or the server shuts down.
    async fn pump(mut self, model: &Model, request: Request, mut commands: Subscription) -> Outcome {
        let (app, limits) = (self.app, &self.app.config.turns);
        let start = Instant::now();
        let is_piece = |event: &Event| !matches!(event, Event::Accepted | Event::Usage(_));
        let mut reply = app.metrics.time_to_first_chunk(&model.name, model.provider.reply(request), is_piece);
        let save_interval = limits.save_interval.max(Duration::from_millis(1));
        let mut saving_due = interval_at(start + limits.save_interval, save_interval);
        saving_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // One save at a time, concurrently with the stream. In a task of its own: while the turn waits for a slow
        // caller, nothing polls the save here, and it would keep its connection and its locks.
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
                            let message = "The upstream response was truncated.";
                            break self.failed(Error::new(Code::ProviderUnavailable, message));
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
                    // A long text less often, so that all saves together cost no more than a few times its size.
                    save_now = (self.kept && self.written.text.len() - saved_len >= SAVE_BYTES.max(saved_len / 4))
                        || saved_at.elapsed() >= limits.lease / 3;
                }
                () = sleep_until(piece_due.min(turn_due)) => break self.late(turn_due <= piece_due),
                command = commands.next() => {
                    // A missed command is resent by its sender.
                    let cluster::BusEvent::Message(command) = command else { continue };
                    match TurnCommand::decode(&command) {
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
                    // A caller who pays by the upstream's usage needs its report, if it arrives in time.
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
                            tracing::warn!(chat = self.chat_id, ?error, "reply save failed");
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
        // Completed first, so that it does not overlap with closing the chat.
        if let Some(saving) = saving {
            saving.await.ok();
        }
        outcome
    }

    /// Records what the upstream reports in addition to the reply.
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

    /// Handles a chunk: sends it to the caller, publishes it to the followers, and counts it.
    async fn take(&mut self, event: Event, chars: &mut usize) {
        let is_stopped = self.draining == Some(Draining::Stopped);
        let is_shown = !is_stopped && !matches!(event, Event::Beside { .. });
        if let Some(caller) = self.caller.as_mut().filter(|_| is_shown) {
            let limits = &self.app.config.turns;
            let since = Instant::now();
            let timeout = limits.chunk_timeout.min(limits.lease / 3);
            caller.tell(event.clone(), timeout).await;
            let waited = since.elapsed();
            // A caller who reached the timeout counts as one who was waited for long enough.
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

    /// Publishes the reply again from this character position.
    fn repeat(&self, from: usize, chars: usize) {
        if !self.kept || from >= chars {
            return;
        }
        let text = &self.written.text;
        let start = text.char_indices().nth(from).map_or(text.len(), |(start, _)| start);
        let piece = text.get(start..).unwrap_or_default().to_owned();
        self.app.bus.publish(&self.topic, || ReplyEvent::Piece { offset: from, text: piece }.encode());
    }

    /// Returns the outcome if the provider completes the reply.
    fn ended(self, usage: Option<Usage>) -> Outcome {
        if let Some(usage) = usage {
            self.written.report(usage);
        }
        if self.draining == Some(Draining::Stopped) { Outcome::Stopped(None) } else { Outcome::Done }
    }

    /// Returns the outcome if the provider fails. It is no failure of the provider if the user had already stopped the
    /// reply, if the caller requested more than can be kept, or if the provider had to wait for a caller who does not
    /// read.
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

    /// Returns the outcome of an expired timeout: that of the whole turn, or that for the next chunk.
    fn late(self, is_whole_turn: bool) -> Outcome {
        if self.draining.is_some() {
            // The caller no longer waits for the remainder: the output so far is counted by the server itself.
            self.written.abandoned = self.in_one_piece && self.written.is_empty();
            return Outcome::Stopped(None);
        }
        let error = Error::new(Code::Timeout, "The language model took too long.");
        // A limit of this server, which a caller could reach deliberately by requesting a long answer.
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

/// Waits until the caller has disconnected.
async fn disconnected(caller: Option<&mut ResponseSink>) {
    match caller {
        Some(caller) => caller.left().await,
        None => std::future::pending().await,
    }
}

/// Saves the text so far, if it is stored, and renews the lease; returns whether the chat is still open.
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
