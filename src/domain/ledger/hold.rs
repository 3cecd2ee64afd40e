//! Holds: prepaid tokens reserved for chats that are about to open.
//!
//! Under load many chats open at the same moment, so [`reserve`] takes a batch of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Deserialize;

use super::{Balance, key_budget};
use crate::core::error::{Code, Error};
use crate::core::ids::{ApiKeyId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate, RowQuery, Txn, in_ids};
use crate::infra::entity::user::{self, Column};

/// A reservation of tokens for a chat that is about to open.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The user who pays.
    pub user_id: UserId,
    /// The API key that the tokens are reserved under.
    pub api_key_id: Option<ApiKeyId>,
    /// The requested model, which the API key may not allow.
    pub model: String,
    /// The reserved amount.
    pub amount: Tokens,
    /// The time of the reservation.
    pub at: DateTime<Utc>,
}

/// Adds to the batch what records holds that [`super::SpendableBalances::hold`] has reserved in the same transaction.
/// The caller inserts their chats with it, one for each hold.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub fn reserve(batch: &mut Batch, holds: &[Hold]) -> Result<(), Error> {
    let mut sums = BTreeMap::new();
    for Hold { user_id, amount, .. } in holds {
        let sum = sums.entry(*user_id).or_insert(Tokens::ZERO);
        *sum = sum.plus(*amount)?;
    }
    let sums: Vec<_> = sums.into_iter().collect();
    let mut update = BulkUpdate::<user::Entity, _>::new(&sums, |(user_id, _)| *user_id);
    let amount = update.value(|(_, amount)| *amount);
    // Guarded, although the caller has checked: no balance falls below zero because of a bug.
    update
        .set(Column::Tokens, Expr::col(Column::Tokens).sub(amount.clone()))
        .set(Column::Held, Expr::col(Column::Held).add(amount.clone()))
        .filter(Expr::col(Column::Tokens).gte(amount))
        .filter(Expr::col(Column::IsActive));
    batch.update(update.padded_to(holds.len()).into_statement(), sums.len());
    key_budget::reserve(batch, holds)
}

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

/// Returns a query of the balances of existing users, for [`super::settle`]. Their rows are locked until the
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

/// Returns the error for a balance that cannot pay for a message.
#[track_caller]
pub fn insufficient(required: Tokens, available: Tokens) -> Error {
    Error::insufficient("Insufficient tokens.", required, available)
}

/// Returns the error for a user who is deleted or inactive, and so has no balance.
#[track_caller]
pub(super) fn no_balance() -> Error {
    Error::new(Code::InsufficientTokens, "Insufficient tokens.")
}
