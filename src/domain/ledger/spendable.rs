//! The spendable balances of wallets while a batch opens chats one after the other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::balance::Balance;
use super::hold::{Hold, ReservedHold, insufficient, no_balance};
use super::key_budget::{self, KeyBudget};
use super::locked_balance::lock_spendable;
use super::wallet::Owner;
use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Db, Txn, fetch_two};
use crate::infra::entity::{chat, user, wallet};

/// A user who spends, with the credential and the wallet in use.
#[derive(Clone, Copy, Debug)]
pub struct Spender {
    /// The user.
    pub user_id: UserId,
    /// The owner of the wallet that pays.
    pub payer: Owner,
    /// The API key.
    pub api_key_id: Option<ApiKeyId>,
}

/// The balances of some wallets, with the budgets of API keys. Their rows are locked, so nothing else changes them until
/// the transaction ends.
pub struct SpendableBalances {
    /// The own wallets of the active users.
    users: HashMap<UserId, (WalletId, Balance)>,
    groups: HashMap<GroupId, (WalletId, Balance)>,
    /// The valid keys.
    keys: HashMap<ApiKeyId, KeyBudget>,
}

impl SpendableBalances {
    /// Loads and locks the balances and budgets of `spenders`. The rows of wallets are locked as by
    /// [`super::lock_accounts`], then those of the keys in the same way. The own wallet of each user is among them, which
    /// serializes the messages of a user.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn find(txn: &Txn, spenders: &[Spender], at: DateTime<Utc>) -> Result<Self, Error> {
        let user_ids: Vec<_> = spenders.iter().map(|spender| spender.user_id).collect();
        let group_ids: Vec<_> = spenders.iter().filter_map(|spender| spender.payer.group()).collect();
        let wallets = lock_spendable(txn, &user_ids, &group_ids);
        let keys = key_budget::lock(txn, spenders.iter().filter_map(|spender| spender.api_key_id), at);
        let (wallets, keys) = fetch_two(txn, wallets, keys).await?;
        let mut found = Self { users: HashMap::new(), groups: HashMap::new(), keys: HashMap::new() };
        for wallet in wallets {
            found.insert(wallet.id, wallet.user_id, wallet.group_id, wallet.balance());
        }
        found.keys = keys.into_iter().map(|key: KeyBudget| (key.id, key)).collect();
        Ok(found)
    }

    /// Loads the balance of one user with the budget of the API key in use, without locks: for an estimate, which may be
    /// outdated when it is returned. Nothing may be written from it.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn read(db: &Db, spender: Spender, at: DateTime<Utc>) -> Result<Self, Error> {
        let mut found = Self { users: HashMap::new(), groups: HashMap::new(), keys: HashMap::new() };
        let active = user::Entity::find_by_id(spender.user_id).filter(user::Column::IsActive.eq(true));
        if active.one(db.read()).await?.is_none() {
            return Ok(found);
        }
        let own = wallet::Column::UserId.eq(spender.user_id);
        let wallets = match spender.payer.group() {
            Some(group_id) => own.or(wallet::Column::GroupId.eq(group_id)),
            None => own,
        };
        for wallet in wallet::Entity::find().filter(wallets).all(db.read()).await? {
            found.insert(wallet.id, wallet.user_id, wallet.group_id, Balance::from(&wallet));
        }
        if let Some(key_id) = spender.api_key_id {
            found.keys = key_budget::read(db, key_id, at).await?.into_iter().map(|key| (key.id, key)).collect();
        }
        Ok(found)
    }

    fn insert(&mut self, id: WalletId, user_id: Option<UserId>, group_id: Option<GroupId>, balance: Balance) {
        if let Some(user_id) = user_id {
            self.users.insert(user_id, (id, balance));
        }
        if let Some(group_id) = group_id {
            self.groups.insert(group_id, (id, balance));
        }
    }

    /// Returns the amount that can be held for a user under a key.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the user is deleted or inactive; UNAUTHENTICATED if the key is no longer valid.
    pub fn of(&self, spender: Spender) -> Result<Tokens, Error> {
        let (_, own) = self.users.get(&spender.user_id).ok_or_else(no_balance)?;
        let tokens = match spender.payer {
            Owner::User(_) => own.tokens,
            Owner::Group(id) => self.groups.get(&id).ok_or_else(no_balance)?.1.tokens,
        };
        let Some(key_id) = spender.api_key_id else { return Ok(tokens) };
        let rest = self.keys.get(&key_id).ok_or_else(key_budget::ended)?.rest()?;
        Ok(rest.map_or(tokens, |rest| Ord::min(rest, tokens)))
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

    /// Reserves tokens in memory. [`super::reserve()`] writes it to the database.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the balance, or a limit of the API key, does not cover the amount; UNAUTHENTICATED if the
    /// key is no longer valid; INVALID_INPUT if it does not allow the model. Nothing is reserved then.
    pub fn hold(&mut self, hold: Hold) -> Result<ReservedHold, Error> {
        let (_, own) = self.users.get(&hold.user_id).ok_or_else(no_balance)?;
        let mut own = *own;
        let paying = match hold.payer {
            Owner::User(id) => self.users.get_mut(&id),
            Owner::Group(id) => self.groups.get_mut(&id),
        };
        let (wallet_id, balance) = paying.ok_or_else(no_balance)?;
        if balance.tokens < hold.amount {
            return Err(insufficient(hold.amount, balance.tokens));
        }
        if let Some(key_id) = hold.api_key_id {
            self.keys.get_mut(&key_id).ok_or_else(key_budget::ended)?.hold(&hold.model, hold.amount)?;
        }
        *balance = balance.reserve(hold.amount)?;
        if hold.payer == Owner::User(hold.user_id) {
            own = *balance;
        }
        Ok(ReservedHold { wallet_id: *wallet_id, balance: own, hold })
    }
}
