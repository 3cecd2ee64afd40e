//! Holds: prepaid tokens reserved for chats that are about to open, and their settlement.
//!
//! Under load many chats open and close at the same moment, so each function takes a batch of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, Condition, EntityTrait, FromQueryResult, InsertMany, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, StatementBuilder,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Balance, key_budget};
use crate::core::error::{Code, Error};
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::db::bulk::{
    RowQuery, execute_all, execute_and_insert, fetch_two, in_ids, pad_rows, update_from, values_column,
};
use crate::infra::entity::ledger_entry::{self, Reason};
use crate::infra::entity::user::{self, Column};

/// A reservation of tokens for a chat that is about to open.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The user who pays.
    pub user_id: i64,
    /// The API key that the tokens are reserved under.
    pub api_key_id: Option<i64>,
    /// The requested model, which the API key may not allow.
    pub model: String,
    /// The reserved amount.
    pub amount: Tokens,
    /// The time of the reservation.
    pub at: DateTime<Utc>,
}

/// Records holds that [`super::SpendableBalances::hold`] has reserved in the same transaction, and inserts their chats,
/// one for each hold. Returns the ids of the chats, in the same order.
///
/// # Errors
/// INTERNAL. The caller then rolls the transaction back.
pub async fn reserve<A: ActiveModelTrait>(txn: &Txn, holds: &[Hold], new: InsertMany<A>) -> Result<Vec<i64>, Error> {
    let mut sums = BTreeMap::new();
    for Hold { user_id, amount, .. } in holds {
        let sum = sums.entry(*user_id).or_insert(Tokens::ZERO);
        *sum = sum.plus(*amount)?;
    }
    let rows = sums.iter().map(|(user_id, sum)| [*user_id, sum.0]).collect();
    let mut update = update_from::<user::Entity>(pad_rows(rows, holds.len()));
    // Guarded, although the caller has checked: no balance falls below zero because of a bug.
    update
        .value(Column::Tokens, Expr::col(Column::Tokens).sub(values_column(2)))
        .value(Column::Held, Expr::col(Column::Held).add(values_column(2)))
        .and_where(Expr::col(Column::Tokens).gte(values_column(2)))
        .and_where(Expr::col(Column::IsActive));
    let keys = key_budget::hold_under(holds)?;
    let mut expected = sums.len() as u64;
    let mut statements: Vec<&(dyn StatementBuilder + Sync)> = vec![&update];
    if let Some((update, count)) = &keys {
        statements.push(update);
        expected += count;
    }
    let (ids, changed) = execute_and_insert(txn, &statements, new, holds.len()).await?;
    if changed != expected || ids.len() != holds.len() {
        return Err(Error::internal(format!("{changed} of {expected} balances were changed for holds")));
    }
    Ok(ids)
}

/// Returns the balances of the users who meet the condition, and the rows of the query `beside`. The users' rows are
/// locked until the transaction ends, always in the order of their ids, so that overlapping transactions cannot
/// deadlock. SQLite has one writer, and needs no locks.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn lock_balances<M: FromQueryResult + DeserializeOwned>(
    txn: &Txn,
    user_ids: impl Iterator<Item = i64>,
    condition: Condition,
    beside: Option<RowQuery>,
) -> Result<(HashMap<i64, Balance>, Vec<M>), Error> {
    #[derive(Deserialize, FromQueryResult)]
    struct Found {
        id: i64,
        tokens: Tokens,
        held: Tokens,
    }
    let user_ids: Vec<_> = user_ids.collect();
    let users = user::Entity::find().select_only().columns([Column::Id, Column::Tokens, Column::Held]);
    let users = users.filter(in_ids(txn, Column::Id, &user_ids)).filter(condition);
    let query = users.order_by_asc(Column::Id).lock_exclusive().into_query();
    let users = RowQuery { query, columns: vec!["id", "tokens", "held"] };
    let (found, others): (Vec<Found>, _) = fetch_two(txn, users, beside).await?;
    Ok((found.into_iter().map(|Found { id, tokens, held }| (id, Balance { tokens, held })).collect(), others))
}

/// Returns the error for a balance that cannot pay for a message.
pub fn insufficient() -> Error {
    Error::new(Code::InsufficientTokens, "Insufficient tokens.")
}

/// The settlement of a chat's hold.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// The user who pays.
    pub user_id: i64,
    /// The chat that is paid for.
    pub chat_id: i64,
    /// The amount of the hold.
    pub hold: Tokens,
    /// The amount charged: at most the hold. The remainder is released.
    pub cost: Tokens,
    /// The API key of the hold.
    pub api_key_id: Option<i64>,
    /// The reason of the ledger entry: how the chat ended.
    pub reason: Reason,
    /// The time of the settlement.
    pub at: DateTime<Utc>,
}

/// Settles holds: charges the costs and releases the remainders. Returns the user's balance after each settlement, in
/// the same order. In the same transaction the caller has [locked](lock_balances) the users, whose `balances` these
/// are, and found the chats open. `closing` closes the chats, guarded by their open status, so that each is settled at
/// most once.
///
/// # Errors
/// INTERNAL if a cost exceeds its hold, a chat is not open, or the database fails; NOT_FOUND if a user is deleted. The
/// caller then rolls the transaction back.
pub async fn settle(
    txn: &Txn,
    settlements: &[Settlement],
    mut balances: HashMap<i64, Balance>,
    closing: &UpdateStatement,
) -> Result<Vec<Balance>, Error> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut sums: BTreeMap<i64, (Tokens, Tokens)> = BTreeMap::new();
    let (mut after, mut entries) = (Vec::with_capacity(settlements.len()), Vec::with_capacity(settlements.len()));
    for Settlement { user_id, chat_id, hold, cost, api_key_id, reason, at } in settlements {
        if *cost < Tokens::ZERO || cost > hold {
            return Err(Error::internal(format!("chat {chat_id} would cost {cost} of a hold of {hold}")));
        }
        let (holds, costs) = sums.entry(*user_id).or_default();
        (*holds, *costs) = (holds.plus(*hold)?, costs.plus(*cost)?);
        let balance = balances.get_mut(user_id).ok_or_else(|| Error::not_found("user"))?;
        *balance = balance.reserve(Tokens::ZERO.minus(*hold)?)?;
        balance.tokens = balance.tokens.minus(*cost)?;
        after.push(*balance);
        entries.push(ledger_entry::ActiveModel {
            id: NotSet,
            user_id: Set(*user_id),
            amount: Set(Tokens::ZERO.minus(*cost)?),
            balance_after: Set(balance.total()),
            reason: Set(*reason),
            note: Set(None),
            chat_id: Set(Some(*chat_id)),
            api_key_id: Set(*api_key_id),
            actor_id: Set(None),
            idempotency_key: Set(None),
            requested_balance: Set(None),
            created_at: Set(*at),
        });
    }
    let mut rows = Vec::with_capacity(sums.len());
    for (user_id, (hold, cost)) in &sums {
        rows.push([*user_id, hold.0, hold.minus(*cost)?.0]);
    }
    let mut update = update_from::<user::Entity>(pad_rows(rows, settlements.len()));
    update
        .value(Column::Held, Expr::col(Column::Held).sub(values_column(2)))
        .value(Column::Tokens, Expr::col(Column::Tokens).add(values_column(3)));
    let new = ledger_entry::Entity::insert_many(entries).into_query();
    let mut statements: Vec<&(dyn StatementBuilder + Sync)> = vec![closing, &update];
    // Each chat is closed, each user's row updated, and an entry inserted for each chat.
    let mut expected = (settlements.len() + sums.len() + settlements.len()) as u64;
    let keys = key_budget::settle_under(settlements)?;
    if let Some((update, count)) = &keys {
        statements.push(update);
        expected += count;
    }
    statements.push(&new);
    let changed = execute_all(txn, &statements).await?;
    if changed != expected {
        return Err(Error::internal(format!("{changed} of {expected} rows were changed for settlements")));
    }
    Ok(after)
}
