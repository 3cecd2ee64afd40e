//! The spendable balances of users while a batch opens chats for them one after the other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::balance::Balance;
use super::hold::{Hold, insufficient, no_balance};
use super::key_budget::{self, KeyBudget};
use super::locked_balance::{LockedBalance, lock_balances_if};
use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Db, Txn, fetch_two};
use crate::infra::entity::{chat, user};

/// The balances of some users, with the budgets of their API keys. Their rows are locked, so nothing else changes them
/// until the transaction ends.
pub struct SpendableBalances {
    users: HashMap<UserId, Balance>,
    /// The valid keys.
    keys: HashMap<ApiKeyId, KeyBudget>,
}

impl SpendableBalances {
    /// Loads and locks the balances and budgets of `spenders`: user ids, each with the API key in use. The rows of
    /// users are locked as by [`super::lock_accounts`], then those of the keys in the same way.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn find(txn: &Txn, spenders: &[(UserId, Option<ApiKeyId>)], at: DateTime<Utc>) -> Result<Self, Error> {
        let active = Condition::all().add(user::Column::IsActive.eq(true));
        let users = lock_balances_if(txn, spenders.iter().map(|(user_id, _)| *user_id), active);
        let keys = key_budget::lock(txn, spenders.iter().filter_map(|(_, key_id)| *key_id), at);
        let (users, keys) = fetch_two(txn, users, keys).await?;
        let keys = keys.into_iter().map(|key: KeyBudget| (key.id, key)).collect();
        Ok(Self { users: LockedBalance::by_user(users), keys })
    }

    /// Loads the balance of one user with the budget of the API key in use, without locks: for an estimate, which may be
    /// outdated when it is returned. Nothing may be written from it.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn read(db: &Db, user_id: UserId, key_id: Option<ApiKeyId>, at: DateTime<Utc>) -> Result<Self, Error> {
        let active = user::Entity::find_by_id(user_id).filter(user::Column::IsActive.eq(true));
        let user = active.one(db.read()).await?;
        let key = match key_id {
            Some(key_id) => key_budget::read(db, key_id, at).await?,
            None => None,
        };
        Ok(Self {
            users: user.iter().map(|user| (user.id, Balance::from(user))).collect(),
            keys: key.map(|key| (key.id, key)).into_iter().collect(),
        })
    }

    /// Returns the amount that can be held for a user under a key.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the user is deleted or inactive; UNAUTHENTICATED if the key is no longer valid.
    pub fn of(&self, user_id: UserId, key_id: Option<ApiKeyId>) -> Result<Tokens, Error> {
        let tokens = self.users.get(&user_id).ok_or_else(no_balance)?.tokens;
        let Some(key_id) = key_id else { return Ok(tokens) };
        let rest = self.keys.get(&key_id).ok_or_else(key_budget::ended)?.rest()?;
        Ok(rest.map_or(tokens, |rest| rest.min(tokens)))
    }

    /// Checks that a user, or an API key, may receive the answer of a chat of the user that was already paid for.
    ///
    /// A retry by the key that paid for it needs no remaining budget; any other key needs the cost of the answer.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the user or the key is no longer valid; INVALID_INPUT if the key does not allow the model;
    /// INSUFFICIENT_TOKENS if its limits are exhausted.
    pub fn check_replay(&self, key_id: Option<ApiKeyId>, first: &chat::Model) -> Result<(), Error> {
        if !self.users.contains_key(&first.user_id) {
            return Err(Error::unauthenticated());
        }
        let Some(key_id) = key_id else { return Ok(()) };
        let cost = if first.status == chat::Status::Pending { first.hold } else { first.cost };
        let key = self.keys.get(&key_id).ok_or_else(key_budget::ended)?;
        key.check_replay(&first.model, cost, first.api_key_id == Some(key_id))
    }

    /// Reserves tokens in memory and returns the user's balance after it. [`super::reserve()`] writes it to the database.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the balance, or a limit of the API key, does not cover the amount; UNAUTHENTICATED if the
    /// key is no longer valid; INVALID_INPUT if it does not allow the model. Nothing is reserved then.
    pub fn hold(&mut self, hold: &Hold) -> Result<Balance, Error> {
        let balance = self.users.get_mut(&hold.user_id).ok_or_else(no_balance)?;
        if balance.tokens < hold.amount {
            return Err(insufficient(hold.amount, balance.tokens));
        }
        if let Some(key_id) = hold.api_key_id {
            self.keys.get_mut(&key_id).ok_or_else(key_budget::ended)?.hold(&hold.model, hold.amount)?;
        }
        *balance = balance.reserve(hold.amount)?;
        Ok(*balance)
    }
}
