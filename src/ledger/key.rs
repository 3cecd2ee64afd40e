//! What is held and spent under an API key, within the key's limits: in all, on one day, in one month (UTC).
//!
//! Each limit covers what was spent and what is held, so that no set of open chats can pass it together. What is spent
//! counts on the day on which it is settled. Always true, for every key: `held` is the sum of the holds of its open
//! chats, and `spent` what the ledger says was paid under it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, UpdateStatement, Value};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect};

use super::hold::{Hold, Settlement};
use crate::db::Txn;
use crate::db::set::{given, update_from, update_returning};
use crate::entity::api_key::{self, Column, day, month};
use crate::error::{Code, Error};
use crate::tokens::Tokens;

/// Sets tokens aside under the keys of these holds, beside [`super::hold()`].
///
/// # Errors
/// INSUFFICIENT_TOKENS where a limit of a key does not cover what is set aside under it; UNAUTHENTICATED where a key is
/// good no longer; INVALID_INPUT where it does not allow the model.
pub(super) async fn hold_under(txn: &Txn, holds: impl Iterator<Item = &Hold> + Clone) -> Result<(), Error> {
    let mut sums = BTreeMap::new();
    for hold in holds.clone() {
        if let Some(key_id) = hold.api_key_id {
            let (sum, at) = sums.entry(key_id).or_insert((Tokens::ZERO, hold.at));
            (*sum, *at) = (sum.plus(hold.amount)?, Ord::max(*at, hold.at));
        }
    }
    let Some(at) = sums.values().map(|(_, at)| *at).max() else { return Ok(()) };
    let covers = |limit: Column, spent: Expr| {
        let after = spent.add(Expr::col(Column::Held)).add(given(2));
        Condition::any().add(limit.is_null()).add(after.lte(Expr::col(limit)))
    };
    let mut update = of_now(sums.iter().map(|(key_id, (sum, _))| vec![(*key_id).into(), (*sum).into()]), at);
    update
        .value(Column::Held, Expr::col(Column::Held).add(given(2)))
        .value(Column::LastUsedAt, Expr::value(at))
        .value(Column::SpentInDay, spent_in_day(at))
        .value(Column::SpentInMonth, spent_in_month(at))
        .and_where(Column::RevokedAt.is_null())
        .cond_where(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at)))
        .cond_where(covers(Column::TotalLimit, Expr::col(Column::Spent)))
        .cond_where(covers(Column::DailyLimit, spent_in_day(at)))
        .cond_where(covers(Column::MonthlyLimit, spent_in_month(at)));
    let keys: Vec<api_key::Model> = update_returning(txn, update, Column::iter()).await?;
    for hold in holds {
        let Some(key_id) = hold.api_key_id else { continue };
        match keys.iter().find(|key| key.id == key_id) {
            Some(key) if key.allows(&hold.model) => {}
            Some(_) => return Err(Error::field("model", "There is no such model.")),
            None => return Err(refusal(find(txn, key_id).await?, at)),
        }
    }
    Ok(())
}

/// What may still be held under each of these keys that is good; nothing where a key has no limits. Their rows are locked
/// until the transaction ends.
///
/// # Errors
/// INTERNAL where the database fails.
pub(super) async fn rests_under(
    txn: &Txn,
    key_ids: Vec<i64>,
    at: DateTime<Utc>,
) -> Result<HashMap<i64, Option<Tokens>>, Error> {
    if key_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = api_key::Entity::find().filter(Column::Id.is_in(key_ids)).order_by_asc(Column::Id).lock_exclusive();
    let good = keys.all(txn).await?.into_iter().filter(|key| key.is_good(at));
    good.map(|key| Ok((key.id, rest(&key, at)?))).collect()
}

fn rest(key: &api_key::Model, at: DateTime<Utc>) -> Result<Option<Tokens>, Error> {
    let limits = [
        (key.total_limit, key.spent),
        (key.daily_limit, key.spent_today(at)),
        (key.monthly_limit, key.spent_this_month(at)),
    ];
    let mut rest = None;
    for (limit, spent) in limits {
        let Some(limit) = limit else { continue };
        let left = Ord::max(limit.minus(spent)?.minus(key.held)?, Tokens::ZERO);
        rest = Some(rest.map_or(left, |rest: Tokens| Ord::min(rest, left)));
    }
    Ok(rest)
}

/// Ends holds under keys. The costs can't pass the limits, since they are no more than the holds.
pub(super) async fn settle_under(txn: &Txn, settlements: &[Settlement]) -> Result<(), Error> {
    let (mut sums, mut at) = (BTreeMap::<i64, (Tokens, Tokens)>::new(), DateTime::<Utc>::MIN_UTC);
    for settlement in settlements {
        if let Some(key_id) = settlement.api_key_id {
            let (holds, costs) = sums.entry(key_id).or_default();
            (*holds, *costs) = (holds.plus(settlement.hold)?, costs.plus(settlement.cost)?);
            at = Ord::max(at, settlement.at);
        }
    }
    if sums.is_empty() {
        return Ok(());
    }
    let rows = sums.iter().map(|(key_id, (holds, costs))| vec![(*key_id).into(), (*holds).into(), (*costs).into()]);
    let mut update = of_now(rows, at);
    update
        .value(Column::Held, Expr::col(Column::Held).sub(given(2)))
        .value(Column::Spent, Expr::col(Column::Spent).add(given(3)))
        .value(Column::SpentInDay, spent_in_day(at).add(given(3)))
        .value(Column::SpentInMonth, spent_in_month(at).add(given(3)));
    if txn.execute(&update).await?.rows_affected() != sums.len() as u64 {
        return Err(Error::internal("an API key is gone, but not its user"));
    }
    Ok(())
}

/// An update that is of this day and month. What was spent in them has to be set beside.
fn of_now(rows: impl IntoIterator<Item = Vec<Value>>, at: DateTime<Utc>) -> UpdateStatement {
    let mut update = update_from::<api_key::Entity>(rows);
    update.value(Column::Day, Expr::value(day(at))).value(Column::Month, Expr::value(month(at)));
    update
}

fn spent_in_day(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Day.eq(day(at)), Expr::col(Column::SpentInDay)).finally(0i64).into()
}

fn spent_in_month(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Month.eq(month(at)), Expr::col(Column::SpentInMonth)).finally(0i64).into()
}

async fn find(txn: &Txn, key_id: i64) -> Result<Option<api_key::Model>, Error> {
    Ok(api_key::Entity::find_by_id(key_id).lock_exclusive().one(txn).await?)
}

fn refusal(key: Option<api_key::Model>, at: DateTime<Utc>) -> Error {
    match key {
        Some(key) if key.is_good(at) => {
            Error::new(Code::InsufficientTokens, "The spending limit of this API key does not cover this.")
        }
        _ => ended(),
    }
}

/// The key is good no longer.
pub(super) fn ended() -> Error {
    Error::new(Code::Unauthenticated, "The API key was revoked or has expired.")
}
