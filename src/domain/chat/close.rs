//! Closing a chat: the one transaction that closes it and settles its hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use sea_orm::sea_query::{Expr, UpdateStatement};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::charge::ClosedChat;
use super::finished_chat::FinishedChat;
use super::{outbox, reasoning, versions};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, LedgerEntryId};
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger::{self, Settlement};
use crate::infra::db::{Batch, BatchJob, BatchResult, BulkUpdate, RowQuery, Txn, fetch_two, in_ids};
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::user;
use crate::infra::webhook::Outbox;

/// Minimum and maximum pause between retries of the closing transaction.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Closes the chat, with retries for the time of the lease: a generated answer must not be lost because the database is
/// unavailable for a moment.
///
/// # Errors
/// INTERNAL if it could not be written in that time; NOT_FOUND if the chat was deleted meanwhile.
#[tracing::instrument(name = "settle", level = "debug", skip_all)]
pub(super) async fn close(app: &App, closing: ClosedChat) -> Result<FinishedChat, Error> {
    let closing = Arc::new(closing);
    let deadline = Instant::now() + app.config().turns.lease;
    let mut pause = FIRST_PAUSE;
    loop {
        let end = CloseJob { closing: closing.clone(), outbox: app.webhooks.outbox(), at: app.clock.now() };
        let error = match app.db.write_batched(end).await {
            Ok(ended) => return Ok(ended),
            // Closed already: by an attempt whose response was lost, by the sweeper, or by the deletion of the account.
            Err(error) if matches!(error.code, Code::Conflict | Code::NotFound) => break,
            Err(error) => error,
        };
        if Instant::now() + pause > deadline {
            return Err(error);
        }
        tracing::warn!(chat = closing.chat.id.0, ?error, "chat close failed; retrying");
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
    /// Receives the events of the end.
    pub(super) outbox: Outbox,
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
    id: ChatId,
    /// May have been changed while the chat was open.
    replaced_by_id: Option<ChatId>,
    /// A new id for the ledger entry of the settlement.
    entry_id: LedgerEntryId,
}

/// Returns a query of those of the chats that are open. The rows are locked until the transaction ends. It runs after
/// the wallets' rows are locked, as the new ids of ledger entries have to.
fn lock_open_chats(txn: &Txn, ends: &[CloseJob]) -> RowQuery<OpenChatRow> {
    let ids: Vec<_> = ends.iter().map(|end| end.closing.chat.id).collect();
    let chats = chat::Entity::find().filter(in_ids(txn, Column::Id, &ids)).filter(Column::Status.eq(Status::Pending));
    let chats = chats.order_by_asc(Column::Id).lock_exclusive();
    RowQuery::with(chats, [Column::Id, Column::ReplacedById], [(ledger::new_entry_id(txn), "entry_id")])
}

/// Closes the chats and settles their holds; returns them in the same order.
///
/// # Errors
/// CONFLICT if one of them is no longer open; as [`ledger::settle`]. The caller then rolls the transaction back.
pub(super) async fn close_batch(txn: &Txn, ends: &[CloseJob]) -> Result<Vec<FinishedChat>, Error> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let settlements = ends.iter().map(CloseJob::settlement).collect::<Result<Vec<_>, _>>()?;
    let wallets = ledger::lock_accounts(txn, settlements.iter().map(|settlement| settlement.wallet_id));
    let (locked, open) = fetch_two(txn, wallets, Some(lock_open_chats(txn, ends))).await?;
    let entry_ids = open.iter().map(|chat| chat.entry_id).collect();
    let open: HashMap<_, _> = open.into_iter().map(|chat| (chat.id, chat.replaced_by_id)).collect();
    if open.len() != ends.len() {
        return Err(Error::new(Code::Conflict, "This chat has ended already."));
    }
    let mut batch = Batch::default();
    batch.update(update_chats(ends), ends.len());
    let balances = ledger::settle(&mut batch, &settlements, locked, entry_ids)?;
    reasoning::store(&mut batch, ends.iter().map(|end| (end.closing.chat.id, end.closing.blocks.as_slice())))?;
    batch.execute(txn).await?;

    for end in ends.iter().filter(|end| end.closing.over_hold.is_some()) {
        end.record_over_hold(txn).await?;
    }
    for (end, balance) in ends.iter().zip(&balances) {
        outbox::emit(txn, &end.outbox, &end.closing.chat, *balance, end.at).await?;
    }
    let without_text = ends.iter().filter(|end| end.closing.chat.response.is_empty());
    versions::restore_replaced(txn, without_text.map(|end| end.closing.chat.id)).await?;
    // Where a group has paid, the user's own balance is another row.
    let others = settlements.iter().zip(&balances).filter(|(_, balance)| balance.is_none());
    let others: Vec<_> = others.map(|(settlement, _)| settlement.user_id).collect();
    let own = if others.is_empty() { HashMap::new() } else { ledger::balances(txn, &others).await? };
    let ended = ends.iter().zip(balances).map(|(end, balance)| {
        let chat = end.closing.chat.clone();
        let balance = balance.or_else(|| own.get(&chat.user_id).copied()).unwrap_or_default();
        let replaced_by_id = open.get(&chat.id).copied().flatten();
        let chat = chat::Model { finished_at: Some(end.at), lease_until: None, replaced_by_id, ..chat };
        FinishedChat { chat, balance, retry_after: end.closing.retry_after }
    });
    Ok(ended.collect())
}

/// Returns the statement that closes the chats, guarded by their open status.
fn update_chats(ends: &[CloseJob]) -> UpdateStatement {
    let mut update = BulkUpdate::<chat::Entity, _>::new(ends, |end| end.closing.chat.id);
    update
        .set(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
        .set_each(Column::FirstChunkAt, |end| end.closing.chat.first_chunk_at)
        .set_each(Column::FinishReason, |end| end.closing.chat.finish_reason)
        .set_each(Column::FinishedAt, |end| end.at)
        .set_each(Column::Status, |end| end.closing.chat.status)
        .set_each(Column::Cost, |end| end.closing.chat.cost)
        .set_each(Column::Response, |end| end.closing.chat.response.as_str())
        .set_each_if_any(Column::ErrorCode, |end| end.closing.chat.error_code)
        .set_each_if_any(Column::ErrorMessage, |end| end.closing.chat.error_message.as_deref())
        .set_each(Column::InputUnits, |end| end.closing.chat.input_units)
        .set_each(Column::OutputUnits, |end| end.closing.chat.output_units)
        .set_each(Column::MessagesCharged, |end| end.closing.chat.messages_charged)
        .set_each_if_any(Column::CacheReadUnits, |end| end.closing.chat.cache_read_units)
        .set_each_if_any(Column::CacheWriteUnits, |end| end.closing.chat.cache_write_units)
        .set_each_if_any(Column::ReasoningUnits, |end| end.closing.chat.reasoning_units)
        .set_each_if_any(Column::Images, |end| end.closing.chat.images)
        .set_each_if_any(Column::Reasoning, |end| end.closing.chat.reasoning.as_deref())
        .set_each_if_any(Column::ReasoningMs, |end| end.closing.chat.reasoning_ms)
        .set_each(Column::UsageEstimated, |end| end.closing.chat.usage_estimated)
        .filter(Column::Status.eq(Status::Pending));
    update.into_statement()
}

impl CloseJob {
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
        let target = ("chat", chat.id.0, name.as_str());
        let record = AuditRecord {
            action: Action::ChatUsageOverHold,
            target,
            owner_id: Some(chat.user_id),
            details,
            at: self.at,
        };
        audit::record(txn, &Actor::Server, record).await
    }

    fn settlement(&self) -> Result<Settlement, Error> {
        let chat::Model { id: chat_id, user_id, wallet_id, api_key_id, hold, cost, .. } = self.closing.chat;
        let wallet_id = wallet_id.ok_or_else(|| Error::internal("an open chat without a wallet"))?;
        let (reason, at) = (self.closing.reason, self.at);
        Ok(Settlement { user_id, wallet_id, chat_id, api_key_id, hold, cost, reason, at })
    }
}
