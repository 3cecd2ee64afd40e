//! The balances of users whose rows are locked, so that nothing else changes them until the transaction ends.

use std::collections::HashMap;

use sea_orm::{Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Deserialize;

use super::balance::Balance;
use super::chain::Head;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::infra::db::{RowQuery, Txn, in_ids};
use crate::infra::entity::user::{self, Column};

/// The balance of a user, whose row is locked.
#[derive(Deserialize, FromQueryResult)]
pub struct LockedBalance {
    id: UserId,
    tokens: Tokens,
    held: Tokens,
}

impl LockedBalance {
    /// Returns the balances by user.
    pub(super) fn by_user(locked: Vec<Self>) -> HashMap<UserId, Balance> {
        locked.into_iter().map(|Self { id, tokens, held }| (id, Balance { tokens, held })).collect()
    }
}

/// The balance of a user, whose row is locked, with the head of the chain of ledger entries.
#[derive(Deserialize, FromQueryResult)]
pub struct LockedAccount {
    pub(super) id: UserId,
    tokens: Tokens,
    held: Tokens,
    ledger_seq: i64,
    ledger_hash: String,
}

impl LockedAccount {
    pub(super) fn balance(&self) -> Balance {
        Balance { tokens: self.tokens, held: self.held }
    }

    pub(super) fn head(&self) -> Result<Head, Error> {
        Head::of_row(self.ledger_seq, &self.ledger_hash)
    }
}

/// Returns a query of existing users, for [`super::settle()`]. Their rows are locked until the transaction ends, always
/// in the order of their ids, so that overlapping transactions cannot deadlock. SQLite has one writer, and needs no
/// locks.
pub fn lock_accounts(txn: &Txn, user_ids: impl Iterator<Item = UserId>) -> RowQuery<LockedAccount> {
    let columns = [Column::Id, Column::Tokens, Column::Held, Column::LedgerSeq, Column::LedgerHash];
    RowQuery::new(lock(txn, user_ids), columns)
}

/// Returns a query of the balances of users who meet a condition. Their rows are locked as by [`lock_accounts`].
pub(super) fn lock_balances_if(
    txn: &Txn,
    user_ids: impl Iterator<Item = UserId>,
    condition: Condition,
) -> RowQuery<LockedBalance> {
    RowQuery::new(lock(txn, user_ids).filter(condition), [Column::Id, Column::Tokens, Column::Held])
}

fn lock(txn: &Txn, user_ids: impl Iterator<Item = UserId>) -> Select<user::Entity> {
    let user_ids: Vec<_> = user_ids.collect();
    let users = user::Entity::find().filter(in_ids(txn, Column::Id, &user_ids));
    users.order_by_asc(Column::Id).lock_exclusive()
}
