//! The spendable balances of wallets while a batch opens chats one after the other.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::balance::Balance;
use super::hold::{Hold, ReservedHold, Spender, insufficient, no_balance};
use super::key_budget::{self, KeyBudget};
use super::locked_balance::{lock_spendable, memberships};
use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Db, Txn, fetch_three};
use crate::infra::entity::{chat, group, group_member, user, wallet};

/// The balances of some wallets, with the budgets of API keys. Their rows are locked, so nothing else changes them until
/// the transaction ends.
#[derive(Default)]
pub struct SpendableBalances {
    /// The own wallets of the active users.
    users: HashMap<UserId, OwnWallet>,
    groups: HashMap<GroupId, GroupWallet>,
    members: HashSet<(GroupId, UserId)>,
    /// The valid keys.
    keys: HashMap<ApiKeyId, KeyBudget>,
}

/// A user's own wallet.
struct OwnWallet {
    id: WalletId,
    balance: Balance,
    /// The group that pays by default.
    payer: Option<GroupId>,
}

/// The wallet of a group.
struct GroupWallet {
    id: WalletId,
    balance: Balance,
    /// Whether every user belongs to the group.
    is_default: bool,
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
        let wallets = lock_spendable(txn, spenders);
        let keys = key_budget::lock(txn, spenders.iter().filter_map(|spender| spender.api_key_id), at);
        let (wallets, keys, members) = fetch_three(txn, wallets, keys, memberships(txn, &user_ids)).await?;
        let mut found = Self::default();
        for wallet in wallets {
            let (id, balance) = (wallet.id, wallet.balance());
            if let Some(user_id) = wallet.user_id {
                found.users.insert(user_id, OwnWallet { id, balance, payer: wallet.payer_group_id });
            } else if let Some(group_id) = wallet.group_id {
                let is_default = wallet.is_default.is_some_and(|is_default| is_default != 0);
                found.groups.insert(group_id, GroupWallet { id, balance, is_default });
            }
        }
        found.members = members.into_iter().map(|member| (member.group_id, member.user_id)).collect();
        found.keys = keys.into_iter().map(|key: KeyBudget| (key.id, key)).collect();
        Ok(found)
    }

    /// Loads the balances for one user with the budget of the API key in use, without locks: for an estimate, which may be
    /// outdated when it is returned. Nothing may be written from it.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn read(db: &Db, spender: Spender, at: DateTime<Utc>) -> Result<Self, Error> {
        let mut found = Self::default();
        let Spender { user_id, .. } = spender;
        let active = user::Entity::find_by_id(user_id).filter(user::Column::IsActive.eq(true));
        let own = wallet::Entity::find().filter(wallet::Column::UserId.eq(user_id));
        let (Some(user), Some(own)) = (active.one(db.read()).await?, own.one(db.read()).await?) else {
            return Ok(found);
        };
        let own = OwnWallet { id: own.id, balance: Balance::from(&own), payer: user.payer_group_id };
        found.users.insert(user_id, own);
        if let Some(key_id) = spender.api_key_id {
            found.keys = key_budget::read(db, key_id, at).await?.into_iter().map(|key| (key.id, key)).collect();
        }
        if let Some(group_id) = found.chosen(spender) {
            let wallet = wallet::Entity::find().filter(wallet::Column::GroupId.eq(group_id)).one(db.read()).await?;
            let group = group::Entity::find_by_id(group_id).one(db.read()).await?;
            if let (Some(wallet), Some(group)) = (wallet, group) {
                let balance = Balance::from(&wallet);
                found.groups.insert(group_id, GroupWallet { id: wallet.id, balance, is_default: group.is_default });
            }
            let member = group_member::Entity::find().filter(group_member::Column::UserId.eq(user_id));
            let member = member.filter(group_member::Column::GroupId.eq(group_id)).one(db.read()).await?;
            found.members = member.iter().map(|member| (member.group_id, member.user_id)).collect();
        }
        Ok(found)
    }

    /// Returns the group that was chosen to pay.
    fn chosen(&self, spender: Spender) -> Option<GroupId> {
        let of_key = spender.api_key_id.and_then(|id| self.keys.get(&id)?.payer_group_id);
        spender.payer.or(of_key).or_else(|| self.users.get(&spender.user_id)?.payer)
    }

    /// Returns the group that pays; `None` for the user's own wallet.
    fn payer(&self, spender: Spender) -> Result<Option<GroupId>, Error> {
        let Some(group_id) = self.chosen(spender) else { return Ok(None) };
        let is_default = self.groups.get(&group_id).is_some_and(|group| group.is_default);
        if is_default || self.members.contains(&(group_id, spender.user_id)) {
            return Ok(Some(group_id));
        }
        Err(Error::forbidden("The group that was to pay is not one of yours. Choose another payer."))
    }

    /// Returns the wallet that pays.
    fn paying(&mut self, spender: Spender) -> Result<(WalletId, &mut Balance), Error> {
        let wallet = match self.payer(spender)? {
            None => self.users.get_mut(&spender.user_id).map(|own| (own.id, &mut own.balance)),
            Some(group_id) => self.groups.get_mut(&group_id).map(|group| (group.id, &mut group.balance)),
        };
        wallet.ok_or_else(no_balance)
    }

    /// Returns the amount that can be held for a user under a key.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the user is deleted or inactive; UNAUTHENTICATED if the key is no longer valid; FORBIDDEN if
    /// a group is to pay that the user does not belong to.
    pub fn of(&mut self, spender: Spender) -> Result<Tokens, Error> {
        if !self.users.contains_key(&spender.user_id) {
            return Err(no_balance());
        }
        let rest = match spender.api_key_id {
            Some(key_id) => self.keys.get(&key_id).ok_or_else(key_budget::ended)?.rest()?,
            None => None,
        };
        let tokens = self.paying(spender)?.1.tokens;
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

    /// Reserves tokens in memory. [`super::reserve()`] writes it to the database.
    ///
    /// # Errors
    /// INSUFFICIENT_TOKENS if the balance, or a limit of the API key, does not cover the amount; UNAUTHENTICATED if the
    /// key is no longer valid; INVALID_INPUT if it does not allow the model; FORBIDDEN if a group is to pay that the user
    /// does not belong to. Nothing is reserved then.
    pub fn hold(&mut self, hold: Hold) -> Result<ReservedHold, Error> {
        let Hold { spender, amount, .. } = hold;
        if !self.users.contains_key(&spender.user_id) {
            return Err(no_balance());
        }
        if spender.api_key_id.is_some_and(|id| !self.keys.contains_key(&id)) {
            return Err(key_budget::ended());
        }
        let (_, balance) = self.paying(spender)?;
        if balance.tokens < amount {
            return Err(insufficient(amount, balance.tokens));
        }
        if let Some(key) = spender.api_key_id.and_then(|id| self.keys.get_mut(&id)) {
            key.hold(&hold.model, amount)?;
        }
        let (wallet_id, balance) = self.paying(spender)?;
        *balance = balance.reserve(amount)?;
        let own = self.users.get(&spender.user_id).ok_or_else(no_balance)?;
        Ok(ReservedHold { wallet_id, balance: own.balance, hold })
    }
}
