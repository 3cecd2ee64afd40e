//! Holds: prepaid tokens reserved for chats that are about to open, and their settlement when the chats close.

use chrono::{DateTime, Utc};

use super::balance::Balance;
use super::wallet::Owner;
use crate::core::error::{Code, Error};
use crate::core::ids::{ApiKeyId, ChatId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::entity::ledger_entry::Reason;

/// A reservation of tokens for a chat that is about to open.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The user who spends.
    pub user_id: UserId,
    /// The owner of the wallet that pays: the user, or a group of the user.
    pub payer: Owner,
    /// The API key that the tokens are reserved under.
    pub api_key_id: Option<ApiKeyId>,
    /// The requested model, which the API key may not allow.
    pub model: String,
    /// The reserved amount.
    pub amount: Tokens,
    /// The time of the reservation.
    pub at: DateTime<Utc>,
}

/// A hold that is reserved in memory, and not yet written.
#[derive(Clone, Debug)]
pub struct ReservedHold {
    /// The hold.
    pub hold: Hold,
    /// The wallet that pays.
    pub wallet_id: WalletId,
    /// The balance of the user's own wallet after it.
    pub balance: Balance,
}

/// The settlement of a chat's hold.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// The user who spends.
    pub user_id: UserId,
    /// The wallet of the hold.
    pub wallet_id: WalletId,
    /// The chat that is paid for.
    pub chat_id: ChatId,
    /// The amount of the hold.
    pub hold: Tokens,
    /// The amount charged: at most the hold. The remainder is released.
    pub cost: Tokens,
    /// The API key of the hold.
    pub api_key_id: Option<ApiKeyId>,
    /// The reason of the ledger entry: how the chat ended.
    pub reason: Reason,
    /// The time of the settlement.
    pub at: DateTime<Utc>,
}

/// Returns the error for a balance that cannot pay for a message.
#[track_caller]
pub fn insufficient(required: Tokens, available: Tokens) -> Error {
    Error::insufficient("Insufficient tokens.", required.0, available.0)
}

/// Returns the error for a user who is deleted or inactive, and so has no balance.
#[track_caller]
pub(super) fn no_balance() -> Error {
    Error::new(Code::InsufficientTokens, "Insufficient tokens.")
}
