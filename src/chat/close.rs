//! The end of a chat: who pays what, and the one transaction that closes the chat and settles or releases its hold.
//!
//! The rules are in [`Closing::new`] and in the README.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ColumnTrait, EntityTrait};
use tokio::time::{Instant, timeout};

use super::turn::{Outcome, Written};
use super::{Ended, context, search};
use crate::ai::Usage;
use crate::app::App;
use crate::db::set::{given, update_from, update_returning};
use crate::db::{Together, Txn};
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
    pub(super) usage: Usage,
    /// The provider did not say.
    pub(super) estimated: bool,
}

impl Closing {
    /// The rules of who pays what. Never more than the hold.
    pub(super) fn new(
        chat: &chat::Model,
        price: Price,
        outcome: Outcome,
        written: Written,
        used: Used,
        kept: bool,
    ) -> Self {
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
        let cost = Ord::min(cost, chat.hold);
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
///
/// # Errors
/// INTERNAL where it could not be written in that time; NOT_FOUND where the chat was deleted meanwhile.
pub(super) async fn close(app: &App, closing: Closing) -> Result<Ended, Error> {
    let closing = Arc::new(closing);
    let deadline = Instant::now() + app.config.turns.lease;
    let mut pause = FIRST_PAUSE;
    loop {
        let end = End { closing: closing.clone(), at: app.clock.now() };
        let error = match app.db.write_together(end).await {
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

/// A chat that ends at this moment.
pub(super) struct End {
    pub(super) closing: Arc<Closing>,
    pub(super) at: DateTime<Utc>,
}

impl Together for End {
    /// Nothing where the chat is not open any more.
    type Output = Option<Ended>;

    fn run<'t>(txn: &'t Txn, all: &'t [Self]) -> BoxFuture<'t, Result<Vec<Result<Self::Output, Error>>, Error>> {
        Box::pin(async move { Ok(close_in(txn, all).await?.into_iter().map(Ok).collect()) })
    }
}

/// Closes those of the chats that are still open, and settles their holds; nothing for the others, in the same order.
///
/// # Errors
/// INTERNAL where the database fails. Whoever gets it undoes the whole.
pub(super) async fn close_in(txn: &Txn, ends: &[End]) -> Result<Vec<Option<Ended>>, Error> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    ledger::lock(txn, ends.iter().map(|end| end.closing.user_id)).await?;
    let mut update = update_from::<chat::Entity>(ends.iter().map(row));
    let or_as_it_is = |place, column: Column| Func::coalesce([given(place), Expr::col(column)]);
    update
        .value(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
        .value(Column::Status, given(2))
        .value(Column::Cost, given(3))
        .value(Column::ErrorCode, given(4))
        .value(Column::ErrorMessage, given(5))
        .value(Column::FinishedAt, given(6))
        .value("search_text", given(7))
        .value(Column::Response, or_as_it_is(8, Column::Response))
        .value(Column::InputUnits, given(9))
        .value(Column::OutputUnits, given(10))
        .value(Column::UsageEstimated, given(11))
        .and_where(Column::Status.eq(Status::Pending));
    let chats: Vec<chat::Model> = update_returning::<chat::Entity, _>(txn, update).await?;
    context::put_back(txn, chats.iter().filter(|chat| chat.response.is_empty()).map(|chat| chat.id)).await?;

    let mut chats: std::collections::HashMap<i64, chat::Model> =
        chats.into_iter().map(|chat| (chat.id, chat)).collect();
    let closed: Vec<_> = ends.iter().map(|end| chats.remove(&end.closing.chat_id)).collect();
    let open = ends.iter().zip(&closed).filter(|(_, chat)| chat.is_some());
    let settlements: Vec<_> = open.map(|(end, _)| end.settlement()).collect();
    let mut balances = ledger::settle(txn, &settlements).await?.into_iter();
    let ended = closed.into_iter().map(|chat| Some(Ended { chat: chat?, balance: balances.next()? }));
    Ok(ended.collect())
}

/// What is written of an end, in the order of the values that [`close_in`] sets.
fn row(End { closing, at }: &End) -> Vec<sea_orm::Value> {
    let (code, message) = closing.error.as_ref().map(|(code, message)| (code.as_str(), message.as_str())).unzip();
    let units = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let usage = closing.usage.map(|used| used.usage);
    vec![
        closing.chat_id.into(),
        closing.status.into(),
        closing.cost.into(),
        code.into(),
        message.into(),
        (*at).into(),
        closing.search_text.as_str().into(),
        closing.text.as_deref().into(),
        usage.map(|usage| units(usage.input)).into(),
        usage.map(|usage| units(usage.output)).into(),
        closing.usage.is_some_and(|used| used.estimated).into(),
    ]
}

impl End {
    fn settlement(&self) -> Settlement {
        let Closing { chat_id, user_id, api_key_id, hold, cost, reason, .. } = *self.closing;
        Settlement { user_id, chat_id, api_key_id, hold, cost, reason, at: self.at }
    }
}
