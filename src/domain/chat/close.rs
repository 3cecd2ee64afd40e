//! Closing a chat: who pays what, and the one transaction that closes the chat and settles or releases its hold.
//!
//! The rules are in [`ClosedChat::new`] and in the README.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Value,
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::turn::{GeneratedOutput, Outcome};
use super::{FinishedChat, context};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::tokens::{Price, Tokens};
use crate::core::viewer::Actor;
use crate::domain::audit::{self, AuditRecord};
use crate::domain::ledger::{self, Settlement};
use crate::infra::ai::{Request, Usage};
use crate::infra::catalog::Model;
use crate::infra::db::bulk::{RowQuery, in_ids, update_from, values_column};
use crate::infra::db::{BatchJob, BatchResult, Txn};
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::user;

/// The error message of a chat whose server died.
pub(super) const INTERRUPTED: &str = "The server stopped before the answer was complete. Nothing was charged.";

/// Maximum bytes of text per model token for any tokenizer; a reported usage with fewer model tokens contradicts the
/// text.
const BYTES_PER_UNIT: u64 = 128;

/// Minimum and maximum pause between retries of the closing transaction.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A closed chat, before it is written.
pub(super) struct ClosedChat {
    /// The row as it will be, except for the time.
    pub(super) chat: chat::Model,
    pub(super) reason: Reason,
    /// The cost of the usage, if it exceeds the hold.
    pub(super) over_hold: Option<Tokens>,
    /// Seconds after which to retry the model.
    pub(super) retry_after: Option<u64>,
}

/// The usage of a chat.
#[derive(Clone, Copy)]
pub(super) struct MeteredUsage {
    pub(super) usage: Usage,
    /// Whether it is an estimate: the provider did not report it.
    pub(super) estimated: bool,
}

impl MeteredUsage {
    /// Returns the usage reported by the provider, or an estimate, which is marked.
    ///
    /// For a reply that ended early, an upstream bills more than is visible: its whole input, of which only
    /// `input_bound` is certain, and its reasoning. So no reported number is reduced by what is visible.
    pub(super) fn of(
        model: &Model,
        asked: &Request,
        input_bound: Option<u64>,
        written: &GeneratedOutput,
        outcome: &Outcome,
    ) -> Self {
        let is_whole = matches!(outcome, Outcome::Done);
        // An upstream that reports no output for a text, or no input, has not reported what it billed.
        let is_told = |usage: &Usage| {
            let most = usage.output.saturating_mul(BYTES_PER_UNIT).saturating_add(BYTES_PER_UNIT);
            usage.input > 0 && (usage.output > 0 || written.is_empty()) && written.len() as u64 <= most
        };
        let is_trusted = !model.provider.reports_usage() || written.reported.as_ref().is_some_and(is_told);
        if let Some(usage) = written.reported.filter(|_| is_whole && is_trusted) {
            return Self { usage, estimated: false };
        }
        let count = |text: &str| model.provider.count(text);
        let output =
            [&written.text, &written.other, &written.thoughts, &written.unseen].into_iter().map(|text| count(text));
        let counted: u64 = output.sum();
        let left_out = u128::from(counted) * written.left_out as u128 / (written.in_memory().max(1) as u128);
        let output = counted.saturating_add(u64::try_from(left_out).unwrap_or(u64::MAX));
        let bound = input_bound.filter(|_| !is_whole && model.provider.reports_usage());
        let input = || match (&asked.passing, bound) {
            (_, Some(bound)) => bound,
            (Some(passing), None) => {
                ["messages", "tools"].iter().filter_map(|name| passing.call.get(name)).map(count).sum()
            }
            (None, None) => asked.messages.iter().map(|message| count(&message.content)).sum(),
        };
        match written.reported {
            Some(usage) => {
                let input = if usage.input == 0 { input() } else { usage.input };
                let estimated = output > usage.output || usage.input == 0;
                Self { usage: Usage { input, output: usage.output.max(output) }, estimated }
            }
            None => Self { usage: Usage { input: input(), output }, estimated: true },
        }
    }
}

impl ClosedChat {
    /// Applies the rules of who pays what. The cost never exceeds the hold.
    pub(super) fn new(
        mut chat: chat::Model,
        price: Price,
        outcome: Outcome,
        written: GeneratedOutput,
        used: MeteredUsage,
        kept: bool,
    ) -> Self {
        let (usage, nothing) = (used.usage, written.is_empty());
        let is_heard = written.reported.is_some_and(|reported| reported.output > 0);
        let (whole, metered) = (price.of_reply(usage.input, usage.output), price.of_usage(usage.input, usage.output));
        let (status, reason, cost, error) = match outcome {
            // Reasoning alone is no answer: it is paid for as usage, without the flat price.
            Outcome::Done if written.has_no_answer() && !nothing => (Status::Done, Reason::ChatDone, metered, None),
            Outcome::Done => (Status::Done, Reason::ChatDone, whole, None),
            Outcome::Failed(error) => {
                tracing::warn!(chat = chat.id, model = chat.model, ?error, "provider call failed");
                let (reason, cost) = match nothing && !is_heard {
                    true => (Reason::ChatFailed, Tokens::ZERO),
                    false => (Reason::ChatBrokenOff, metered),
                };
                (Status::Failed, reason, cost, Some(error))
            }
            // The output is paid for like a complete reply. Without output, the user pays what the upstream bills
            // anyway.
            Outcome::Stopped(limit) => {
                if let Some(limit) = &limit {
                    tracing::info!(chat = chat.id, model = chat.model, %limit.message, "reply reached a limit");
                }
                let cost = match nothing && !written.abandoned {
                    true if written.accepted || is_heard => metered,
                    true => Tokens::ZERO,
                    false => whole,
                };
                (Status::Stopped, Reason::ChatStopped, cost, limit)
            }
            Outcome::Interrupted | Outcome::Gone => return Self::interrupted(chat),
        };
        if !nothing || !used.estimated || cost > Tokens::ZERO {
            let units = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
            (chat.input_units, chat.output_units) = (units(usage.input), units(usage.output));
            chat.usage_estimated = used.estimated;
        }
        chat.response = if kept { written.text } else { String::new() };
        chat.status = status;
        chat.cost = Ord::min(cost, chat.hold);
        let retry_after = error.as_ref().and_then(|error| error.retry_after);
        (chat.error_code, chat.error_message) =
            error.map(|error| (error.code.as_str().to_owned(), error.message)).unzip();
        let over_hold = (cost > chat.hold).then_some(cost);
        Self { chat, reason, over_hold, retry_after }
    }

    /// The server that ran the turn died, or shuts down: free of charge, and the saved part of the text stays.
    pub(super) fn interrupted(mut chat: chat::Model) -> Self {
        chat.status = Status::Interrupted;
        chat.error_code = Some(Code::ProviderUnavailable.as_str().to_owned());
        chat.error_message = Some(INTERRUPTED.to_owned());
        Self { chat, reason: Reason::ChatInterrupted, over_hold: None, retry_after: None }
    }
}

/// Closes the chat, with retries for the time of the lease: a generated answer must not be lost because the database is
/// unavailable for a moment.
///
/// # Errors
/// INTERNAL if it could not be written in that time; NOT_FOUND if the chat was deleted meanwhile.
#[tracing::instrument(name = "settle", level = "debug", skip_all)]
pub(super) async fn close(app: &App, closing: ClosedChat) -> Result<FinishedChat, Error> {
    let closing = Arc::new(closing);
    let deadline = Instant::now() + app.config.turns.lease;
    let mut pause = FIRST_PAUSE;
    loop {
        let end = CloseJob { closing: closing.clone(), at: app.clock.now() };
        let error = match app.db.write_batched(end).await {
            Ok(ended) => return Ok(ended),
            // Closed already: by an attempt whose response was lost, by the sweeper, or by the deletion of the account.
            Err(error) if matches!(error.code, Code::Conflict | Code::NotFound) => break,
            Err(error) => error,
        };
        if Instant::now() + pause > deadline {
            return Err(error);
        }
        tracing::warn!(chat = closing.chat.id, ?error, "chat close failed; retrying");
        timeout(pause, app.stopping.cancelled()).await.ok();
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let chat = chat::Entity::find_by_id(closing.chat.id).one(app.db.read()).await?;
    let chat = chat.ok_or_else(|| Error::not_found("chat"))?;
    let retry_after = closing.retry_after;
    Ok(FinishedChat { balance: ledger::balance(&app.db, chat.user_id).await?, chat, retry_after })
}

/// A chat to be closed, with the time.
pub(super) struct CloseJob {
    pub(super) closing: Arc<ClosedChat>,
    pub(super) at: DateTime<Utc>,
}

impl BatchJob for CloseJob {
    type Output = FinishedChat;

    fn run<'t>(txn: &'t Txn, all: &'t [Self]) -> BoxFuture<'t, BatchResult<Self::Output>> {
        Box::pin(async move { Ok(close_batch(txn, all).await?.into_iter().map(Ok).collect()) })
    }
}

/// An open chat.
#[derive(Deserialize, FromQueryResult)]
struct OpenChatRow {
    id: i64,
    /// May have been changed while the chat was open.
    replaced_by_id: Option<i64>,
}

/// Returns a query of those of the chats that are open, as [`OpenChatRow`]. The rows are locked until the transaction
/// ends.
fn lock_open_chats(txn: &Txn, ends: &[CloseJob]) -> RowQuery {
    let ids: Vec<_> = ends.iter().map(|end| end.closing.chat.id).collect();
    let chats = chat::Entity::find().select_only().columns([Column::Id, Column::ReplacedById]);
    let chats = chats.filter(in_ids(txn, Column::Id, &ids)).filter(Column::Status.eq(Status::Pending));
    let query = chats.order_by_asc(Column::Id).lock_exclusive().into_query();
    RowQuery { query, columns: vec!["id", "replaced_by_id"] }
}

/// Closes the chats and settles their holds; returns them in the same order.
///
/// # Errors
/// CONFLICT if one of them is no longer open; as [`ledger::settle`]. The caller then rolls the transaction back.
pub(super) async fn close_batch(txn: &Txn, ends: &[CloseJob]) -> Result<Vec<FinishedChat>, Error> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let mut update = update_from::<chat::Entity>(ends.iter().map(CloseJob::values));
    update
        .value(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
        .value(Column::FinishedAt, values_column(2))
        .value(Column::Status, values_column(3))
        .value(Column::Cost, values_column(4))
        .value(Column::Response, values_column(5))
        .value(Column::ErrorCode, values_column(6))
        .value(Column::ErrorMessage, values_column(7))
        .value(Column::InputUnits, values_column(8))
        .value(Column::OutputUnits, values_column(9))
        .value(Column::UsageEstimated, values_column(10))
        .and_where(Column::Status.eq(Status::Pending));
    let open = Some(lock_open_chats(txn, ends));
    let user_ids = ends.iter().map(|end| end.closing.chat.user_id);
    let (balances, open) = ledger::lock_balances::<OpenChatRow>(txn, user_ids, Condition::all(), open).await?;
    let open: HashMap<_, _> = open.into_iter().map(|chat| (chat.id, chat.replaced_by_id)).collect();
    if open.len() != ends.len() {
        return Err(Error::new(Code::Conflict, "This chat has ended already."));
    }
    let settlements: Vec<_> = ends.iter().map(CloseJob::settlement).collect();
    let balances = ledger::settle(txn, &settlements, balances, &update).await?;

    for end in ends.iter().filter(|end| end.closing.over_hold.is_some()) {
        end.record_over_hold(txn).await?;
    }
    let without_text = ends.iter().filter(|end| end.closing.chat.response.is_empty());
    context::restore_replaced(txn, without_text.map(|end| end.closing.chat.id)).await?;
    let ended = ends.iter().zip(balances).map(|(end, balance)| {
        let chat = end.closing.chat.clone();
        let replaced_by_id = open.get(&chat.id).copied().flatten();
        let chat = chat::Model { finished_at: Some(end.at), lease_until: None, replaced_by_id, ..chat };
        FinishedChat { chat, balance, retry_after: end.closing.retry_after }
    });
    Ok(ended.collect())
}

impl CloseJob {
    /// Returns the values in the order in which [`close_batch`] sets them.
    fn values(&self) -> Vec<Value> {
        let chat = &self.closing.chat;
        vec![
            chat.id.into(),
            self.at.into(),
            chat.status.into(),
            chat.cost.into(),
            chat.response.as_str().into(),
            chat.error_code.as_deref().into(),
            chat.error_message.as_deref().into(),
            chat.input_units.into(),
            chat.output_units.into(),
            chat.usage_estimated.into(),
        ]
    }

    /// Records an audit event, so that operators see that a price, a limit or the list of rejected parameters has a
    /// gap.
    async fn record_over_hold(&self, txn: &Txn) -> Result<(), Error> {
        let chat = &self.closing.chat;
        let owner = user::Entity::find_by_id(chat.user_id).one(txn).await?;
        let details = json!({
            "model": chat.model, "hold": chat.hold, "cost": self.closing.over_hold,
            "input": chat.input_units, "output": chat.output_units,
        });
        let name = owner.map(|owner| owner.username).unwrap_or_default();
        let target = ("chat", chat.id, name.as_str());
        let record =
            AuditRecord { action: "chat.usage_over_hold", target, owner_id: Some(chat.user_id), details, at: self.at };
        audit::record(txn, &Actor::Server, record).await
    }

    fn settlement(&self) -> Settlement {
        let chat::Model { id: chat_id, user_id, api_key_id, hold, cost, .. } = self.closing.chat;
        Settlement { user_id, chat_id, api_key_id, hold, cost, reason: self.closing.reason, at: self.at }
    }
}
