//! The turn of a chat: from an open chat to its one end.
//!
//! The provider's chunks are published to the followers of the reply, collected, and saved periodically, which also
//! renews the lease. Who pays what is in [`super::charge`], closing the chat in [`super::close`].

use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use sea_orm::ActiveEnum;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::Instrument;

use super::changes::{Change, ChangeKind};
use super::charge::{Charged, ClosedChat, MeteredUsage};
use super::close::close;
use super::events::{ReplyEvent, TurnCommand, topic};
use super::finished_chat::FinishedChat;
use super::open::OpenedChat;
use super::outcome::{GeneratedOutput, Outcome};
use super::publisher::Publisher;
use super::response_sink::ResponseSink;
use super::saver::Saver;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::finish_reason::FinishReason;
use crate::core::ids::ChatId;
use crate::domain::ledger;
use crate::infra::ai::{Event, Request, Usage};
use crate::infra::catalog::Model;
use crate::infra::cluster::{BusEvent, Subscription};
use crate::infra::config::Config;

/// Maximum size of a reply. Passed-through bytes that are not stored do not count.
const MAX_REPLY_BYTES: usize = 32 << 20;

/// If the upstream fails after the turn has waited for the caller this long in total, the slow caller may be the cause.
const MAX_STALL: Duration = Duration::from_secs(2);

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
    caller: Option<ResponseSink>,
) -> Result<FinishedChat, Error> {
    let (began, is_call) = (std::time::Instant::now(), caller.is_some());
    tracing::Span::current().record("chat", opened.chat.id.0);
    let mut turn = Turn::new(app, model, &opened, caller);
    let OpenedChat { chat, request, store_reply, price, choices, input_bound, .. } = opened;
    let following = turn.follow(model, request.clone(), commands);
    let following = following.instrument(tracing::debug_span!("provider_call", model = model.name));
    // A provider that panics has failed like any other; its hold must not wait for the sweeper.
    let mut outcome = AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model failed.").with_source("a panic"))
    });
    let Turn { written, caller, .. } = turn;
    // API clients can handle an answer without text. A model that reached its limit within its reasoning says so.
    let is_cut = written.finish == Some(FinishReason::Length) && !written.has_no_reasoning();
    if written.text.is_empty() && matches!(outcome, Outcome::Done) && !is_call && !is_cut {
        outcome = Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model gave no answer."));
    }
    let used = MeteredUsage::of(model, &request, price.is_metered().then_some(input_bound.units), &written, &outcome);
    let (chat_id, user_id) = (chat.id, chat.user_id);
    let closing =
        ClosedChat::new(chat, Charged { price, choices }, outcome, written, used, store_reply, app.clock.now());
    if let Some(over) = &closing.over_hold {
        app.metrics.usage_over_hold(&closing.chat.model);
        let hold = closing.chat.hold;
        tracing::warn!(chat = chat_id.0, model = model.name, %hold, cost = %over, "chat usage exceeds its hold");
    }
    // Boxed: otherwise the task of each open chat would reserve memory for this future all the time.
    let ended = app.metrics.settle.of(Box::pin(close(app, closing))).await;
    if let Ok(FinishedChat { chat, .. }) = &ended {
        if !is_call {
            Change::of_chat(ChangeKind::ChatFinished, chat).publish(&app.bus, user_id);
        }
        app.metrics.turn(&chat.model, chat.status.to_value(), chat.cost, began.elapsed());
        if let Some(usage) = chat.usage() {
            app.metrics.usage(&chat.model, usage);
        }
    }
    if let Some(caller) = caller {
        caller.finish();
    }
    app.bus.publish(&topic(chat_id), || ReplyEvent::Ended.encode());
    ledger::notify_balance_changed(&app.bus, user_id);
    ended
}

/// The reason why the provider's stream is read only for its usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    /// The caller has disconnected: the reply is complete if its end arrives in time.
    Disconnected,
    /// The user has stopped the reply.
    Stopped,
}

/// A running turn. Each event has a method, which continues the turn or ends it with an outcome.
struct Turn<'a> {
    app: &'a App,
    chat_id: ChatId,
    is_passed_on: bool,
    in_one_piece: bool,
    /// Whether the cost depends on a usage that the upstream reports at the end.
    bills_late: bool,
    caller: Option<ResponseSink>,
    written: GeneratedOutput,
    publisher: Publisher<'a>,
    saver: Saver,
    draining: Option<Draining>,
    /// The total time spent waiting for the caller.
    stalled: Duration,
    /// The timeout of the next chunk, and that of the whole turn.
    chunk_deadline: Instant,
    deadline: Instant,
    /// The configuration with which the turn began.
    config: Arc<Config>,
}

type Step = ControlFlow<Outcome>;

impl<'a> Turn<'a> {
    fn new(app: &'a App, model: &Model, opened: &OpenedChat, caller: Option<ResponseSink>) -> Self {
        let OpenedChat { chat, request, store_reply, price, .. } = opened;
        let (config, now) = (app.config(), Instant::now());
        let limits = &config.turns;
        let in_one_piece = request.passing.as_ref().is_some_and(|passing| !passing.stream);
        Self {
            app,
            chat_id: chat.id,
            is_passed_on: request.passing.is_some(),
            in_one_piece,
            bills_late: price.is_metered() && model.provider.reports_usage(),
            caller,
            written: GeneratedOutput::default(),
            publisher: Publisher::new(app, chat.id, *store_reply),
            saver: Saver::new(app, chat.id, *store_reply),
            draining: None,
            stalled: Duration::ZERO,
            chunk_deadline: now + if in_one_piece { limits.turn_timeout } else { limits.first_chunk_timeout },
            deadline: now + limits.turn_timeout,
            config,
        }
    }

    /// Follows the provider's stream until it ends, one of the timeouts expires, or the server shuts down.
    async fn follow(&mut self, model: &Model, request: Request, mut commands: Subscription) -> Outcome {
        let app = self.app;
        let mut reply = app.metrics.time_to_first_chunk(&model.name, model.provider.reply(request), is_chunk);
        let interval = self.config.turns.save_interval.max(Duration::from_millis(1));
        let mut saves = interval_at(Instant::now() + interval, interval);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let outcome = loop {
            let step = tokio::select! {
                event = reply.next() => self.on_event(event).await,
                () = sleep_until(self.chunk_deadline.min(self.deadline)) => Break(self.on_timeout()),
                command = commands.next() => self.on_command(command),
                () = disconnected(self.caller.as_mut()) => self.on_disconnect(),
                () = app.stopping.cancelled() => Break(Outcome::Interrupted),
                _ = saves.tick() => {
                    self.saver.save_rest(&self.written);
                    Continue(())
                }
                saved = self.saver.saved() => self.on_saved(saved),
            };
            if let Break(outcome) = step {
                break outcome;
            }
        };
        self.saver.finish().await;
        outcome
    }

    /// Handles an event of the provider, or the end of its stream.
    async fn on_event(&mut self, event: Option<Result<Event, Error>>) -> Step {
        match event {
            Some(Ok(Event::Done(usage))) => return Break(self.on_done(usage)),
            Some(Ok(Event::Accepted)) => self.written.accepted = true,
            Some(Ok(Event::Usage(usage))) => self.written.report(usage),
            Some(Ok(Event::Finish(reason))) => self.written.finish = Some(reason),
            Some(Ok(Event::ReasoningBlock(block))) => {
                self.written.keep_block(block);
                self.chunk_deadline = self.next_chunk_deadline();
            }
            Some(Ok(Event::KeepAlive)) => self.chunk_deadline = self.next_chunk_deadline(),
            Some(Ok(chunk)) => {
                self.written.first_chunk_at.get_or_insert_with(|| self.app.clock.now());
                self.on_chunk(chunk).await;
                self.chunk_deadline = self.next_chunk_deadline();
            }
            Some(Err(error)) => return Break(self.on_failure(error)),
            None => {
                let message = "The upstream response was truncated.";
                return Break(self.on_failure(Error::new(Code::ProviderUnavailable, message)));
            }
        }
        if self.written.len() > MAX_REPLY_BYTES {
            let message = format!("The answer has more than {MAX_REPLY_BYTES} bytes.");
            return Break(Outcome::Stopped(Some(Error::new(Code::PayloadTooLarge, message))));
        }
        self.saver.save_growth(&self.written);
        Continue(())
    }

    /// Handles a chunk: sends it to the caller, publishes it to the followers, and counts it.
    async fn on_chunk(&mut self, event: Event) {
        let is_stopped = self.draining == Some(Draining::Stopped);
        // The chunks of a passed-on response have the reasoning, too.
        let is_for_caller = match &event {
            Event::Other(_) => false,
            Event::ReasoningIsAnswer(_) => true,
            Event::Reasoning { text, .. } => !self.is_passed_on && !text.is_empty(),
            _ => true,
        };
        if !is_stopped && is_for_caller {
            match &event {
                Event::ReasoningIsAnswer(text) => self.send_to_caller(&Event::Chunk(text.clone())).await,
                event => self.send_to_caller(event).await,
            }
        }
        match event {
            Event::Chunk(text) | Event::RawChunk { text, .. } | Event::Other(text) if is_stopped => {
                self.written.add_unseen(&text);
            }
            Event::Chunk(text) | Event::RawChunk { text, .. } => self.publisher.append(&mut self.written, &text),
            Event::Other(text) => self.written.add_other(&text),
            Event::ReasoningIsAnswer(_) if is_stopped => {}
            Event::ReasoningIsAnswer(_) => {
                let text = self.written.take_reasoning();
                self.publisher.append(&mut self.written, &text);
            }
            Event::Reasoning { text, hidden } if is_stopped => self.written.add_unseen_reasoning(&(text + &hidden)),
            Event::Reasoning { text, hidden } => {
                self.publisher.append_reasoning(&mut self.written, &text);
                self.written.add_unseen_reasoning(&hidden);
            }
            Event::Accepted
            | Event::KeepAlive
            | Event::ReasoningBlock(_)
            | Event::Usage(_)
            | Event::Finish(_)
            | Event::Rejected { .. }
            | Event::Done(_) => {}
        }
    }

    fn next_chunk_deadline(&self) -> Instant {
        // A keep-alive before the first chunk does not shorten the wait for it.
        let next = Instant::now() + self.config.turns.chunk_timeout;
        if self.written.is_empty() { next.max(self.chunk_deadline) } else { next }
    }

    async fn send_to_caller(&mut self, event: &Event) {
        let Some(caller) = &mut self.caller else { return };
        let (limits, since) = (&self.config.turns, Instant::now());
        let timeout = limits.chunk_timeout.min(limits.lease / 3);
        caller.send(event.clone(), timeout).await;
        let waited = since.elapsed();
        // A caller who reached the timeout counts as one who was waited for long enough.
        self.stalled = if waited < timeout { self.stalled.saturating_add(waited) } else { Duration::MAX };
    }

    fn on_command(&mut self, command: BusEvent) -> Step {
        // A lost command is resent by its sender.
        let BusEvent::Message(command) = command else { return Continue(()) };
        match TurnCommand::decode(&command) {
            Some(TurnCommand::Stop) => return self.on_stop(),
            Some(TurnCommand::Repeat { from, reasoning_from }) => {
                self.publisher.repeat(&self.written, from, reasoning_from)
            }
            None => {}
        }
        Continue(())
    }

    /// Handles the user's stop: ends the turn, or waits for the usage that the cost depends on.
    fn on_stop(&mut self) -> Step {
        if !self.bills_late {
            return Break(Outcome::Stopped(None));
        }
        if self.draining.is_none() {
            self.wait_for_usage();
        }
        self.draining = Some(Draining::Stopped);
        if matches!(self.caller, Some(ResponseSink::Direct(..))) {
            self.caller = None;
        }
        Continue(())
    }

    /// Handles the caller's disconnection. A caller who pays by the upstream's usage needs its report, if it arrives in
    /// time.
    fn on_disconnect(&mut self) -> Step {
        self.caller = None;
        if !self.is_passed_on {
            return Break(Outcome::Stopped(None));
        }
        self.draining = Some(Draining::Disconnected);
        self.wait_for_usage();
        Continue(())
    }

    fn wait_for_usage(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + self.config.v1.usage_wait_timeout);
    }

    fn on_saved(&self, saved: Result<bool, Error>) -> Step {
        match saved {
            Ok(true) => {}
            Ok(false) => return Break(Outcome::AlreadyClosed),
            Err(error) => tracing::warn!(chat = self.chat_id.0, ?error, "reply save failed"),
        }
        Continue(())
    }

    /// Returns the outcome if the provider completes the reply.
    fn on_done(&mut self, usage: Option<Usage>) -> Outcome {
        if let Some(usage) = usage {
            self.written.report(usage);
        }
        if self.draining == Some(Draining::Stopped) { Outcome::Stopped(None) } else { Outcome::Done }
    }

    /// Returns the outcome if the provider fails. It is no failure of the provider if the user had already stopped the
    /// reply, if the caller requested more than can be kept, or if the provider had to wait for a caller who does not
    /// read.
    fn on_failure(&self, error: Error) -> Outcome {
        if self.draining == Some(Draining::Stopped) {
            return Outcome::Stopped(None);
        }
        let was_stalled = self.stalled >= MAX_STALL.min(self.config.turns.chunk_timeout) && !self.written.is_empty();
        if was_stalled || error.code == Code::PayloadTooLarge {
            return Outcome::Stopped(Some(error));
        }
        Outcome::Failed(error)
    }

    /// Returns the outcome of an expired timeout: that of the whole turn, or that of the next chunk.
    fn on_timeout(&mut self) -> Outcome {
        let is_whole_turn = self.deadline <= self.chunk_deadline;
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

/// Returns whether the event is a part of the reply.
fn is_chunk(event: &Event) -> bool {
    !matches!(event, Event::Accepted | Event::KeepAlive | Event::Usage(_) | Event::Finish(_))
}

/// Waits until the caller has disconnected.
async fn disconnected(caller: Option<&mut ResponseSink>) {
    match caller {
        Some(caller) => caller.disconnected().await,
        None => std::future::pending().await,
    }
}
