//! Beginning a chat: the hold is taken and the chat stored, then the turn runs in a task of its own.

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument;
use tracing::field::Empty;

use super::admission::{self, Admission};
use super::changes::{Change, ChangeKind};
use super::events::command_topic;
use super::finished_chat::FinishedChat;
use super::open::{self, OpenResult};
use super::prepare::PreparedChat;
use super::response_sink::ResponseSink;
use super::turn;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::throttle::LimitExceeded;
use crate::core::trace_context;
use crate::core::viewer::Identity;
use crate::domain::ledger::{self, Balance};
use crate::infra::catalog::Model;
use crate::infra::entity::chat;

/// An accepted message.
pub(super) enum Started {
    /// The hold is taken and the turn is running; its result is sent through the channel.
    New { chat: Box<chat::Model>, balance: Balance, end: oneshot::Receiver<Result<FinishedChat, Error>> },
    /// A duplicate of an idempotency key; this is the first chat, whatever its state.
    Duplicate(Box<chat::Model>),
}

/// Optional parameters of a message to start.
pub(super) struct StartRequest {
    /// The receiver of the response.
    pub(super) caller: Option<ResponseSink>,
    /// The proof that the rate limit has counted the message already.
    pub(super) admission: Option<Admission>,
    /// What follows the turn, when the sender has its result and its place is free again.
    pub(super) after: Option<AfterTurn>,
}

/// What follows a turn.
pub(super) type AfterTurn = fn(App, Identity, chat::Model) -> BoxFuture<'static, ()>;

pub(super) async fn begin(
    app: &App,
    identity: Identity,
    opening: PreparedChat,
    model: Model,
    start: StartRequest,
) -> Result<Started, Error> {
    let (user_id, caller) = (identity.id, start.caller);
    if start.admission.is_none() {
        admission::count(app, identity).await?;
    }
    let slot = app.metrics.count_rate_limited("model", model.acquire())?;
    let place =
        app.metrics.count_rate_limited("open_turns", app.turn_permits.take(user_id)).map_err(|full| match full {
            LimitExceeded::Owner => {
                Error::rate_limited("Too many of your messages are being answered. Wait for one of them.", 1)
            }
            LimitExceeded::Total => {
                Error::rate_limited("Too many messages are being answered. Try again in a moment.", 1)
            }
        })?;
    let (report, reported) = oneshot::channel();
    let started = if opening.replaces.is_some() { ChangeKind::ChatReplaced } else { ChangeKind::ChatStarted };
    let own = app.clone();
    // In a task from here on: a caller who disconnects between the hold and the turn must not leave a chat without one.
    let span = trace_context::beside(tracing::debug_span!(parent: None, "turn", model = model.name, chat = Empty));
    let turn = async move {
        let places = (place, slot);
        match open::open(&own, opening).await {
            Ok(OpenResult::New(opened)) => {
                let (report_end, end) = oneshot::channel();
                // Subscribed before anyone can know the chat, so that every command is received.
                let commands = own.bus.subscribe(&command_topic(opened.chat.id));
                if let Some(caller) = &caller {
                    caller.opened(&own, opened.chat.id);
                }
                let (chat, balance) = (Box::new(opened.chat.clone()), opened.balance);
                report.send(Ok(Started::New { chat, balance, end })).ok();
                ledger::notify_balance_changed(&own.bus, user_id);
                if caller.is_none() {
                    Change::of_chat(started, &opened.chat).publish(&own.bus, user_id);
                }
                let end = turn::run(&own, &model, *opened, commands, caller).await;
                drop(places);
                if let Some(error) = end.as_ref().err().filter(|error| error.code != Code::NotFound) {
                    tracing::error!(?error, "turn settlement failed; the sweeper will close the chat");
                }
                let finished = end.as_ref().ok().map(|finished| finished.chat.clone());
                report_end.send(end).ok();
                if let Some((after, finished)) = start.after.zip(finished) {
                    after(own, identity, finished).await;
                }
            }
            Ok(OpenResult::Duplicate(chat)) => drop(report.send(Ok(Started::Duplicate(chat)))),
            Err(error) => drop(report.send(Err(error))),
        }
    };
    app.tasks.spawn(turn.instrument(span));
    reported.await.map_err(|error| Error::internal(error))?
}
