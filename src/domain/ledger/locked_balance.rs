//! The balances of users whose rows are locked, so that nothing else changes them until the transaction ends.

use std::collections::HashMap;

use sea_orm::{Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Deserialize;

use super::balance::Balance;
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

/// Returns a query of the balances of existing users, for [`super::settle()`]. Their rows are locked until the
/// transaction ends, always in the order of their ids, so that overlapping transactions cannot deadlock. SQLite has one
/// writer, and needs no locks.
pub fn lock_balances(txn: &Txn, user_ids: impl Iterator<Item = UserId>) -> RowQuery<LockedBalance> {
    lock_balances_if(txn, user_ids, Condition::all())
}

/// Does the same as [`lock_balances`], for the users who meet the condition.
pub(super) fn lock_balances_if(
    txn: &Txn,
    user_ids: impl Iterator<Item = UserId>,
    condition: Condition,
) -> RowQuery<LockedBalance> {
    let user_ids: Vec<_> = user_ids.collect();
    let users = user::Entity::find().filter(in_ids(txn, Column::Id, &user_ids)).filter(condition);
    let users = users.order_by_asc(Column::Id).lock_exclusive();
    RowQuery::new(users, [Column::Id, Column::Tokens, Column::Held])
}
