//! The budget of an API key: what is held and spent under it, within its limits: in total, per day and per month (UTC).
//!
//! Each limit covers spent and held tokens, so concurrent chats cannot exceed it. Spending counts on the day of its
//! settlement. Invariants, for every key: `held` is the sum of the holds of its open chats, and `spent` the sum of its
//! ledger entries.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, UpdateStatement, Value};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IdenStatic, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde::Deserialize;

use super::hold::{Hold, Settlement};
use crate::core::error::{Code, Error};
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::db::bulk::{RowQuery, in_ids, pad_rows, update_from, values_column};
use crate::infra::entity::api_key::{self, Column, day, month};

/// A valid API key with its limits and what counts against them.
#[derive(Deserialize, FromQueryResult)]
pub(super) struct KeyBudget {
    pub(super) id: i64,
    models: Option<String>,
    total_limit: Option<Tokens>,
    daily_limit: Option<Tokens>,
    monthly_limit: Option<Tokens>,
    held: Tokens,
    spent: Tokens,
    /// Spent on the day, and in the month, of the queried time.
    spent_in_day: Tokens,
    spent_in_month: Tokens,
}

const COLUMNS: [Column; 7] = [
    Column::Id,
    Column::Models,
    Column::TotalLimit,
    Column::DailyLimit,
    Column::MonthlyLimit,
    Column::Held,
    Column::Spent,
];

/// Returns a query of the valid keys among `key_ids`, as rows of [`KeyBudget`]; `None` without ids. The rows are locked
/// until the transaction ends, in the order of their ids.
pub(super) fn wanted(txn: &Txn, key_ids: impl Iterator<Item = i64>, at: DateTime<Utc>) -> Option<RowQuery> {
    let key_ids: Vec<_> = key_ids.collect();
    if key_ids.is_empty() {
        return None;
    }
    let keys = api_key::Entity::find()
        .select_only()
        .columns(COLUMNS)
        .column_as(spent_in_day(at), Column::SpentInDay)
        .column_as(spent_in_month(at), Column::SpentInMonth)
        .filter(in_ids(txn, Column::Id, &key_ids))
        .filter(api_key::valid_at(at))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    let columns = COLUMNS.iter().chain(&[Column::SpentInDay, Column::SpentInMonth]).map(IdenStatic::as_str).collect();
    Some(RowQuery { query: keys.into_query(), columns })
}

impl KeyBudget {
    /// Returns what can still be held under the key; `None` if it has no limits.
    pub(super) fn rest(&self) -> Result<Option<Tokens>, Error> {
        let limits = [
            (self.total_limit, self.spent),
            (self.daily_limit, self.spent_in_day),
            (self.monthly_limit, self.spent_in_month),
        ];
        let mut rest = None;
        for (limit, spent) in limits {
            let Some(limit) = limit else { continue };
            let left = Ord::max(limit.minus(spent)?.minus(self.held)?, Tokens::ZERO);
            rest = Some(rest.map_or(left, |rest: Tokens| Ord::min(rest, left)));
        }
        Ok(rest)
    }

    /// Reserves tokens under the key.
    ///
    /// # Errors
    /// INVALID_INPUT if it does not allow the model; INSUFFICIENT_TOKENS if a limit does not cover the amount.
    pub(super) fn hold(&mut self, model: &str, amount: Tokens) -> Result<(), Error> {
        self.check_model(model)?;
        if self.rest()?.is_some_and(|rest| rest < amount) {
            return Err(spent());
        }
        self.held = self.held.plus(amount)?;
        Ok(())
    }

    /// Checks that the key may receive an existing answer.
    ///
    /// # Errors
    /// INVALID_INPUT if it does not allow the model; INSUFFICIENT_TOKENS if a limit does not cover the cost of the
    /// answer, unless this key has paid for it.
    pub(super) fn check_replay(&self, model: &str, cost: Tokens, has_paid: bool) -> Result<(), Error> {
        self.check_model(model)?;
        let is_spent = self.rest()?.is_some_and(|rest| rest <= Tokens::ZERO || rest < cost);
        if is_spent && !has_paid { Err(spent()) } else { Ok(()) }
    }

    fn check_model(&self, model: &str) -> Result<(), Error> {
        let is_allowed = api_key::allows(self.models.as_deref(), model);
        if is_allowed { Ok(()) } else { Err(Error::field("model", "There is no such model.")) }
    }
}

/// Returns the statement that records holds under keys, with the number of keys that it changes; `None` if no hold has
/// a key.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub(super) fn hold_under(holds: &[Hold]) -> Result<Option<(UpdateStatement, u64)>, Error> {
    let (mut sums, mut at) = (BTreeMap::<i64, Tokens>::new(), DateTime::<Utc>::MIN_UTC);
    for hold in holds {
        if let Some(key_id) = hold.api_key_id {
            let sum = sums.entry(key_id).or_default();
            *sum = sum.plus(hold.amount)?;
            at = Ord::max(at, hold.at);
        }
    }
    if sums.is_empty() {
        return Ok(None);
    }
    let rows = sums.iter().map(|(key_id, sum)| [*key_id, sum.0]).collect();
    let mut update = of_now(pad_rows(rows, holds.len()), at);
    update
        .value(Column::Held, Expr::col(Column::Held).add(values_column(2)))
        .value(Column::LastUsedAt, Expr::value(at))
        .value(Column::SpentInDay, spent_in_day(at))
        .value(Column::SpentInMonth, spent_in_month(at));
    Ok(Some((update, sums.len() as u64)))
}

/// Returns the statement that settles holds under keys, with the number of keys that it changes; `None` if no
/// settlement has a key. Costs cannot exceed the limits, since they are at most the holds.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub(super) fn settle_under(settlements: &[Settlement]) -> Result<Option<(UpdateStatement, u64)>, Error> {
    let (mut sums, mut at) = (BTreeMap::<i64, (Tokens, Tokens)>::new(), DateTime::<Utc>::MIN_UTC);
    for settlement in settlements {
        if let Some(key_id) = settlement.api_key_id {
            let (holds, costs) = sums.entry(key_id).or_default();
            (*holds, *costs) = (holds.plus(settlement.hold)?, costs.plus(settlement.cost)?);
            at = Ord::max(at, settlement.at);
        }
    }
    if sums.is_empty() {
        return Ok(None);
    }
    let rows = sums.iter().map(|(key_id, (holds, costs))| [*key_id, holds.0, costs.0]).collect();
    let mut update = of_now(pad_rows(rows, settlements.len()), at);
    update
        .value(Column::Held, Expr::col(Column::Held).sub(values_column(2)))
        .value(Column::Spent, Expr::col(Column::Spent).add(values_column(3)))
        .value(Column::SpentInDay, spent_in_day(at).add(values_column(3)))
        .value(Column::SpentInMonth, spent_in_month(at).add(values_column(3)));
    Ok(Some((update, sums.len() as u64)))
}

/// Returns an update of keys that sets the current day and month, or keeps later ones, which a server whose clock is
/// ahead has set: a day that is over does not restart with nothing spent. The caller sets what was spent in them.
fn of_now(rows: impl IntoIterator<Item = Vec<Value>>, at: DateTime<Utc>) -> UpdateStatement {
    let mut update = update_from::<api_key::Entity>(rows);
    update.value(Column::Day, later(Column::Day, day(at))).value(Column::Month, later(Column::Month, month(at)));
    update
}

fn later(column: Column, now: String) -> Expr {
    Expr::case(column.gt(now.clone()), Expr::col(column)).finally(now).into()
}

fn spent_in_day(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Day.gte(day(at)), Expr::col(Column::SpentInDay)).finally(0i64).into()
}

fn spent_in_month(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Month.gte(month(at)), Expr::col(Column::SpentInMonth)).finally(0i64).into()
}

/// Returns the error for a limit of the key that does not cover the amount.
fn spent() -> Error {
    Error::new(Code::InsufficientTokens, "The spending limit of this API key does not cover this.")
}

/// Returns the error for a key that is no longer valid.
pub(super) fn ended() -> Error {
    Error::new(Code::Unauthenticated, "The API key was revoked or has expired.")
}
