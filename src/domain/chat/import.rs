//! Import of chats from another system, where they were answered and paid for.

use chrono::{DateTime, Utc};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::EntityTrait;

use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Status};

/// The model of chats whose model is unknown.
pub const MODEL: &str = "imported";

/// A chat of another system.
#[derive(Clone, Debug)]
pub struct ImportedChat {
    /// The id to keep; `None` assigns a new one.
    pub id: Option<ChatId>,
    /// The owner's id in this database.
    pub user_id: UserId,
    /// The user's message.
    pub message: String,
    /// The reply.
    pub response: String,
    /// The time of the message.
    pub at: DateTime<Utc>,
}

/// Inserts completely answered chats at no cost, and returns their ids, in the same order. A kept id was never used
/// here. Searches find the chats after the next [`super::index_rest`].
///
/// # Errors
/// INTERNAL if an id is taken or the database fails.
pub async fn insert_imported(txn: &Txn, chats: &[ImportedChat], now: DateTime<Utc>) -> Result<Vec<ChatId>, Error> {
    let kept: Vec<_> = chats.iter().filter(|new| new.id.is_some()).map(row).collect();
    if !kept.is_empty() {
        chat::Entity::insert_many(kept).exec_without_returning(txn).await?;
    }
    let mut inserted = Vec::with_capacity(chats.len());
    for new in chats {
        let chat_id = match new.id {
            Some(id) => id,
            None => row(new).insert(txn).await?.id,
        };
        inserted.push(ledger::ImportedEntry { user_id: new.user_id, chat_id });
    }
    if !inserted.is_empty() {
        ledger::record_imported(txn, &inserted, now).await?;
    }
    Ok(inserted.iter().map(|chat| chat.chat_id).collect())
}

fn row(new: &ImportedChat) -> chat::ActiveModel {
    chat::ActiveModel {
        id: new.id.map_or(NotSet, Set),
        user_id: Set(new.user_id),
        wallet_id: Set(None),
        conversation_id: Set(None),
        replaced_by_id: Set(None),
        first_version_id: Set(None),
        context_left_out: Set(0),
        model: Set(MODEL.to_owned()),
        status: Set(Status::Done),
        message: Set(new.message.clone()),
        response: Set(new.response.clone()),
        error_code: Set(None),
        error_message: Set(None),
        hold: Set(Tokens::ZERO),
        cost: Set(Tokens::ZERO),
        reasoning: Set(None),
        reasoning_ms: Set(None),
        price_id: Set(None),
        messages_charged: Set(None),
        input_units: Set(None),
        cache_read_units: Set(None),
        cache_write_units: Set(None),
        images: Set(None),
        output_units: Set(None),
        reasoning_units: Set(None),
        usage_estimated: Set(false),
        idempotency_key: Set(None),
        api_key_id: Set(None),
        fingerprint: Set(None),
        created_at: Set(new.at),
        finish_reason: Set(None),
        first_chunk_at: Set(None),
        finished_at: Set(Some(new.at)),
        lease_until: Set(None),
    }
}
