//! Holds: tokens set aside for chats that are about to open, and their ends.
//!
//! Under load many chats open and end at the same moment, so each function here takes any number of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Balance, key};
use crate::db::Txn;
use crate::db::set::{given, update_from, update_returning};
use crate::entity::ledger_entry::{self, Reason};
use crate::entity::user::{self, Column};
use crate::error::{Code, Error};
use crate::tokens::Tokens;

/// Tokens to be set aside for a chat that is about to open.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Whose.
    pub user_id: i64,
    /// The API key that they are set aside under.
    pub api_key_id: Option<i64>,
    /// The model that is to be asked, which the API key may not allow.
    pub model: String,
    /// How many.
    pub amount: Tokens,
    /// When.
    pub at: DateTime<Utc>,
}

/// Sets tokens aside; what the user has right after each, in the same order. INSUFFICIENT_TOKENS where the balance does
/// not cover one; nothing is changed for that one then.
///
/// # Errors
/// INTERNAL. Also where an API key is in the way of any of them: INSUFFICIENT_TOKENS where a limit of the key does not
/// cover them, UNAUTHENTICATED where the key is good no longer, INVALID_INPUT where it does not allow the model. Whoever
/// gets one of these undoes the whole.
pub async fn hold(txn: &Txn, holds: &[Hold]) -> Result<Vec<Result<Balance, Error>>, Error> {
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let mut sums = BTreeMap::new();
    for hold in holds {
        let sum = sums.entry(hold.user_id).or_insert(Tokens::ZERO);
        *sum = sum.plus(hold.amount)?;
    }
    let mut balances = take(txn, &sums).await?;
    for (user_id, balance) in &mut balances {
        // As it was before the first of them.
        let sum = sums.get(user_id).copied().unwrap_or_default();
        *balance = balance.moved(Tokens::ZERO.minus(sum)?)?;
    }
    let mut outcomes = Vec::with_capacity(holds.len());
    for Hold { user_id, amount, .. } in holds {
        outcomes.push(match balances.get_mut(user_id) {
            Some(balance) => {
                *balance = balance.moved(*amount)?;
                Ok(*balance)
            }
            None if sums.get(user_id) == Some(amount) => Err(insufficient()),
            // All of this user's together are too much; the first few may not be.
            None => take(txn, &BTreeMap::from([(*user_id, *amount)])).await?.remove(user_id).ok_or_else(insufficient),
        });
    }
    let taken = holds.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(hold, _)| hold);
    key::hold_under(txn, taken).await?;
    Ok(outcomes)
}

/// Sets aside what is asked for of each user who has as much; what they have after it.
async fn take(txn: &Txn, amounts: &BTreeMap<i64, Tokens>) -> Result<BTreeMap<i64, Balance>, Error> {
    let rows = amounts.iter().map(|(user_id, amount)| vec![(*user_id).into(), (*amount).into()]);
    let mut update = update_from::<user::Entity>(rows);
    update
        .value(Column::Tokens, Expr::col(Column::Tokens).sub(given(2)))
        .value(Column::Held, Expr::col(Column::Held).add(given(2)))
        .and_where(Expr::col(Column::Tokens).gte(given(2)))
        .and_where(Column::IsActive.eq(true));
    balances_after(txn, update).await
}

async fn balances_after(
    txn: &Txn,
    update: sea_orm::sea_query::UpdateStatement,
) -> Result<BTreeMap<i64, Balance>, Error> {
    #[derive(FromQueryResult)]
    struct After {
        id: i64,
        tokens: Tokens,
        held: Tokens,
    }
    let users: Vec<After> = update_returning(txn, update, [Column::Id, Column::Tokens, Column::Held]).await?;
    Ok(users.into_iter().map(|After { id, tokens, held }| (id, Balance { tokens, held })).collect())
}

/// The balance cannot pay for a message.
pub fn insufficient() -> Error {
    Error::new(Code::InsufficientTokens, "Insufficient tokens.")
}

/// How a chat's hold ends.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// Who pays.
    pub user_id: i64,
    /// For what.
    pub chat_id: i64,
    /// What was set aside.
    pub hold: Tokens,
    /// What is charged: at most the hold. The rest is given back.
    pub cost: Tokens,
    /// The API key that it was set aside under.
    pub api_key_id: Option<i64>,
    /// How the chat ended.
    pub reason: Reason,
    /// When.
    pub at: DateTime<Utc>,
}

/// Ends holds: charges the costs and gives back the rests; what the user has right after each, in the same order. The
/// caller has just closed the chats, guarded by their open status, in the same transaction, so that this happens once.
///
/// # Errors
/// INTERNAL where a cost exceeds its hold or the database fails; NOT_FOUND where a user is gone. Whoever gets one of these
/// undoes the whole.
pub async fn settle(txn: &Txn, settlements: &[Settlement]) -> Result<Vec<Balance>, Error> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut sums: BTreeMap<i64, (Tokens, Tokens)> = BTreeMap::new();
    for Settlement { user_id, chat_id, hold, cost, .. } in settlements {
        if *cost < Tokens::ZERO || cost > hold {
            return Err(Error::internal(format!("chat {chat_id} would cost {cost} of a hold of {hold}")));
        }
        let (holds, costs) = sums.entry(*user_id).or_default();
        (*holds, *costs) = (holds.plus(*hold)?, costs.plus(*cost)?);
    }
    let mut rows = Vec::with_capacity(sums.len());
    for (user_id, (hold, cost)) in &sums {
        rows.push(vec![(*user_id).into(), (*hold).into(), hold.minus(*cost)?.into()]);
    }
    let mut update = update_from::<user::Entity>(rows);
    update
        .value(Column::Held, Expr::col(Column::Held).sub(given(2)))
        .value(Column::Tokens, Expr::col(Column::Tokens).add(given(3)));
    let mut balances = balances_after(txn, update).await?;
    for (user_id, (hold, cost)) in &sums {
        let balance = balances.get_mut(user_id).ok_or_else(|| Error::not_found("user"))?;
        // As it was before the first of them.
        *balance = balance.moved(*hold)?;
        balance.tokens = balance.tokens.plus(*cost)?;
    }
    key::settle_under(txn, settlements).await?;

    let (mut after, mut entries) = (Vec::with_capacity(settlements.len()), Vec::with_capacity(settlements.len()));
    for Settlement { user_id, chat_id, hold, cost, api_key_id, reason, at } in settlements {
        let balance = balances.get_mut(user_id).ok_or_else(|| Error::not_found("user"))?;
        *balance = balance.moved(Tokens::ZERO.minus(*hold)?)?;
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
            created_at: Set(*at),
        });
    }
    ledger_entry::Entity::insert_many(entries).exec_without_returning(txn).await?;
    Ok(after)
}

/// Locks the rows of these users until the transaction ends, always in the same order, so that of several who lock some
/// of the same no two wait for each other. SQLite has one writer, and needs none of it.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn lock(txn: &Txn, user_ids: impl IntoIterator<Item = i64>) -> Result<(), Error> {
    if txn.get_database_backend() == DbBackend::Postgres {
        let users = user::Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(user_ids));
        users.order_by_asc(Column::Id).lock_exclusive().into_tuple::<i64>().all(txn).await?;
    }
    Ok(())
}
