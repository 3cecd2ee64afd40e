//! A turn: from an open chat to its one end.
//!
//! The provider's pieces are collected and saved now and then, which also renews the lease. At the end one transaction
//! closes the chat, guarded by its open status, and settles or releases the hold. Who pays what is decided by
//! [`Closing::new`] and written in the README.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::open::{Opened, lease_from};
use super::{Ended, topic};
use crate::ai::{Event, Request, Usage};
use crate::app::{App, Model};
use crate::cluster::Subscription;
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
pub(super) async fn drive(app: &App, model: &Model, opened: Opened, stop: Subscription) -> Result<Ended, Error> {
    let Opened { chat, context, max_output } = opened;
    let input = context.clone();
    let mut text = String::new();
    let following = follow(app, model, chat.id, Request { messages: context, max_output }, stop, &mut text);
    // A provider that panics has failed like any other; its hold must not wait for the sweeper.
    let mut outcome = AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model failed.").with_source("a panic"))
    });
    if text.is_empty() && matches!(outcome, Outcome::Done(_)) {
        outcome = Outcome::Failed(Error::new(Code::ProviderUnavailable, "The language model gave no answer."));
    }
    let given = if let Outcome::Done(usage) = outcome { usage } else { None };
    // Where the provider did not say, the estimate is the best there is, and marked as such.
    let usage = given.unwrap_or_else(|| {
        let read = input.iter().map(|message| model.provider.estimate(&message.content)).sum();
        Usage { input: read, output: model.provider.estimate(&text) }
    });
    let closing = Closing::new(&chat, model.price, outcome, text, usage, given.is_none());
    let ended = close(app, closing).await;
    app.bus.publish(&topic(chat.id), Vec::new);
    ended
}

/// Collects the pieces until the stream ends, one of the time-outs runs out, or the server stops.
async fn follow(
    app: &App,
    model: &Model,
    chat_id: i64,
    request: Request,
    mut stop: Subscription,
    text: &mut String,
) -> Outcome {
    let limits = &app.config.turns;
    let start = Instant::now();
    let mut reply = model.provider.reply(request);
    let mut saving = interval_at(start + limits.save_interval, limits.save_interval.max(Duration::from_millis(1)));
    saving.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut saved_len, mut saved_at) = (0, start);
    let mut piece_due = start + limits.first_piece_timeout;
    let turn_due = start + limits.turn_timeout;
    loop {
        tokio::select! {
            event = reply.next() => match event {
                Some(Ok(Event::Piece(piece))) => {
                    // PostgreSQL stores no NUL in text.
                    text.push_str(&piece.replace('\0', "\u{fffd}"));
                    piece_due = Instant::now() + limits.piece_timeout;
                }
                Some(Ok(Event::End(usage))) => return Outcome::Done(usage),
                Some(Err(error)) => return Outcome::Failed(error),
                None => return Outcome::Failed(Error::new(Code::ProviderUnavailable, "The answer broke off.")),
            },
            () = sleep_until(piece_due.min(turn_due)) => {
                return Outcome::Failed(Error::new(Code::Timeout, "The language model took too long."));
            }
            // Nothing else is said on this topic.
            _ = stop.next() => return Outcome::Stopped,
            () = app.stopping.cancelled() => return Outcome::Interrupted,
            _ = saving.tick() => {
                if text.len() == saved_len && saved_at.elapsed() < limits.lease / 3 {
                    continue;
                }
                match save(app, chat_id, text).await {
                    Ok(true) => (saved_len, saved_at) = (text.len(), Instant::now()),
                    Ok(false) => return Outcome::Gone,
                    Err(error) => tracing::warn!(chat = chat_id, ?error, "a growing reply could not be saved"),
                }
            }
        }
    }
}

/// Saves the text so far and renews the lease; says whether the chat is still open.
async fn save(app: &App, chat_id: i64, text: &str) -> Result<bool, Error> {
    let lease = lease_from(app, app.clock.now());
    app.db
        .write((chat_id, text.to_owned(), lease), |txn, (chat_id, text, lease)| {
            Box::pin(async move {
                let saved = chat::Entity::update_many()
                    .col_expr(Column::Response, Expr::value(text.as_str()))
                    .col_expr(Column::LeaseUntil, Expr::value(*lease))
                    .filter(Column::Id.eq(*chat_id))
                    .filter(Column::Status.eq(Status::Pending))
                    .exec(txn)
                    .await?;
                Ok(saved.rows_affected == 1)
            })
        })
        .await
}

/// The end of a chat, as it is to be written.
pub(super) struct Closing {
    pub(super) chat_id: i64,
    pub(super) user_id: i64,
    pub(super) hold: Tokens,
    pub(super) cost: Tokens,
    pub(super) reason: Reason,
    pub(super) status: Status,
    /// None: what was saved last stays.
    pub(super) text: Option<String>,
    pub(super) usage: Option<(Usage, Estimated)>,
    pub(super) error: Option<(Code, String)>,
}

type Estimated = bool;

impl Closing {
    /// The rules of who pays what. Never more than the hold.
    fn new(
        chat: &chat::Model,
        price: Price,
        outcome: Outcome,
        text: String,
        usage: Usage,
        estimated: Estimated,
    ) -> Self {
        let (status, reason, cost, error) = match outcome {
            Outcome::Done(_) => (Status::Done, Reason::ChatDone, price.of_reply(usage.input, usage.output), None),
            Outcome::Failed(error) => {
                tracing::warn!(chat = chat.id, model = chat.model, ?error, "the language model failed");
                let (reason, cost) = match text.is_empty() {
                    true => (Reason::ChatFailed, Tokens::ZERO),
                    false => (Reason::ChatBrokenOff, price.of_usage(usage.input, usage.output)),
                };
                (Status::Failed, reason, cost, Some((error.code, error.message)))
            }
            // What was produced is paid for like a whole reply; nothing for nothing.
            Outcome::Stopped => {
                let produced = if text.is_empty() { Tokens::ZERO } else { price.of_reply(usage.input, usage.output) };
                (Status::Stopped, Reason::ChatStopped, produced, None)
            }
            Outcome::Interrupted | Outcome::Gone => {
                let error = (Code::ProviderUnavailable, INTERRUPTED.to_owned());
                (Status::Interrupted, Reason::ChatInterrupted, Tokens::ZERO, Some(error))
            }
        };
        let usage = (!text.is_empty()).then_some((usage, estimated));
        let cost = cost.min(chat.hold);
        Self {
            chat_id: chat.id,
            user_id: chat.user_id,
            hold: chat.hold,
            cost,
            reason,
            status,
            text: Some(text),
            usage,
            error,
        }
    }
}

/// Writes the end, again and again for as long as the lease runs: an answer that was made must not be lost to a
/// database that is away for a moment.
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
        .filter(Column::Id.eq(closing.chat_id))
        .filter(Column::Status.eq(Status::Pending));
    if let Some(text) = &closing.text {
        update = update.col_expr(Column::Response, Expr::value(text.as_str()));
    }
    if let Some((usage, estimated)) = closing.usage {
        update = update
            .col_expr(Column::InputUnits, Expr::value(units(usage.input)))
            .col_expr(Column::OutputUnits, Expr::value(units(usage.output)))
            .col_expr(Column::UsageEstimated, Expr::value(estimated));
    }
    let Some(chat) = update.exec_with_returning(txn).await?.into_iter().next() else { return Ok(None) };
    let Closing { chat_id, user_id, hold, cost, reason, .. } = *closing;
    let balance = ledger::settle(txn, Settlement { user_id, chat_id, hold, cost, reason, at }).await?;
    Ok(Some(Ended { chat, balance }))
}
