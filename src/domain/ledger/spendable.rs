//! What users may still spend, while chats are opened for them one after the other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use sea_orm::{ColumnTrait, Condition};

use super::hold::{insufficient, lock_balances};
use super::key_budget::{self, KeyBudget};
use super::{Balance, Hold};
use crate::core::error::Error;
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::{chat, user};

/// What each of some users has, and what the limits of their API keys leave of it. Nobody else changes it until the
/// transaction ends.
pub struct SpendableBalances {
    users: HashMap<i64, Balance>,
    /// Those that are good.
    keys: HashMap<i64, KeyBudget>,
}

impl SpendableBalances {
    /// Looks it up for users, each with the key that is used. The rows of users are locked as by [`super::lock`], and then
    /// those of the keys in the same way.
    ///
    /// # Errors
    /// INTERNAL where the database fails.
    pub async fn find(txn: &Txn, spenders: &[(i64, Option<i64>)], at: DateTime<Utc>) -> Result<Self, Error> {
        let active = Condition::all().add(user::Column::IsActive.eq(true));
        let keys = key_budget::wanted(txn, spenders.iter().filter_map(|(_, key_id)| *key_id), at);
        let (users, keys) =
            lock_balances::<KeyBudget>(txn, spenders.iter().map(|(user_id, _)| *user_id), active, keys).await?;
        Ok(Self { users, keys: keys.into_iter().map(|key| (key.id, key)).collect() })
    }

    /// What may be held for a user under a key.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS where there is no such user any more; UNAUTHENTICATED where the key is good no longer.
    pub fn of(&self, user_id: i64, key_id: Option<i64>) -> Result<Tokens, Error> {
        let tokens = self.users.get(&user_id).ok_or_else(insufficient)?.tokens;
        let Some(key_id) = key_id else { return Ok(tokens) };
        let rest = self.keys.get(&key_id).ok_or_else(key_budget::ended)?.rest()?;
        Ok(rest.map_or(tokens, |rest| rest.min(tokens)))
    }

    /// Checks that a user, or an API key, may have the answer to a chat of the user that was sold before.
    ///
    /// A retry by the key that paid for it needs nothing left to spend; any other key needs what the answer cost.
    ///
    /// # Errors
    /// UNAUTHENTICATED where the user or the key is not valid any more; INVALID_INPUT where the key does not allow the model;
    /// INSUFFICIENT_TOKENS where its limits are spent.
    pub fn check_replay(&self, key_id: Option<i64>, first: &chat::Model) -> Result<(), Error> {
        if !self.users.contains_key(&first.user_id) {
            return Err(Error::unauthenticated());
        }
        let Some(key_id) = key_id else { return Ok(()) };
        let cost = if first.status == chat::Status::Pending { first.hold } else { first.cost };
        let key = self.keys.get(&key_id).ok_or_else(key_budget::ended)?;
        key.check_replay(&first.model, cost, first.api_key_id == Some(key_id))
    }

    /// Sets tokens aside; what the user has right after it. It is [`super::hold()`] that writes it.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS where the balance, or a limit of the API key, does not cover it; UNAUTHENTICATED where the key
    /// is good no longer; INVALID_INPUT where it does not allow the model. Nothing is set aside then.
    pub fn hold(&mut self, hold: &Hold) -> Result<Balance, Error> {
        let balance = self.users.get_mut(&hold.user_id).filter(|balance| balance.tokens >= hold.amount);
        let balance = balance.ok_or_else(insufficient)?;
        if let Some(key_id) = hold.api_key_id {
            self.keys.get_mut(&key_id).ok_or_else(key_budget::ended)?.hold(&hold.model, hold.amount)?;
        }
        *balance = balance.reserve(hold.amount)?;
        Ok(*balance)
    }
}
