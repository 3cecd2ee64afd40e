//! The events of a chat that ends, for webhooks: it failed, or the balance became low.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::core::error::Error;
use crate::domain::ledger::Balance;
use crate::domain::webhook::{self, NewEvent};
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::webhook::Event;
use crate::infra::webhook::Outbox;

/// Writes the events of a closed chat. `balance` is the owner's after the settlement; `None` if a group has paid. A chat
/// without an event costs a few comparisons.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn emit(
    txn: &Txn,
    outbox: &Outbox,
    chat: &chat::Model,
    balance: Option<Balance>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if matches!(chat.status, Status::Failed | Status::Interrupted) {
        // Without texts: what the user wrote is not for the receiver.
        let data = json!({
            "chat_id": chat.id,
            "model": chat.model,
            "status": if chat.status == Status::Failed { "FAILED" } else { "INTERRUPTED" },
            "error_code": chat.error_code.map(|code| code.as_str()),
            "cost": chat.cost,
        });
        webhook::of_user(txn, outbox, chat.user_id, NewEvent { event: Event::ChatFailed, data, at }).await?;
    }
    let Some(after) = balance.map(Balance::total) else { return Ok(()) };
    webhook::balance_changed(txn, outbox, chat.user_id, (after.plus(chat.cost)?, after), at).await
}
