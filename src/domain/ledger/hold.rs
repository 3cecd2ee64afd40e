//! Holds: prepaid tokens reserved for chats that are about to open, and their settlement when the chats close.

use chrono::{DateTime, Utc};

use super::balance::Balance;
use crate::core::error::{Code, Error};
use crate::core::ids::{ApiKeyId, ChatId, GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::entity::ledger_entry::Reason;

/// A user who spends, with the credential and the wallet in use.
#[derive(Clone, Copy, Debug)]
pub struct Spender {
    /// The user.
    pub user_id: UserId,
    /// The group that is to pay, such as that of a conversation; `None` for that of the API key, or else the user's
    /// default.
    pub payer: Option<GroupId>,
    /// The API key.
    pub api_key_id: Option<ApiKeyId>,
}

/// A reservation of tokens for a chat that is about to open.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Who spends, and under which API key.
    pub spender: Spender,
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
