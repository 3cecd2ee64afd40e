//! The budget of an API key: what is held and spent under it, within its limits: in total, per day and per month (UTC).
//!
//! Each limit covers spent and held tokens, so concurrent chats cannot exceed it. Spending counts on the day of its
//! settlement. Invariants, for every key: `held` is the sum of the holds of its open chats, and `spent` the sum of its
//! ledger entries.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Value};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Deserialize;

use super::hold::{ReservedHold, Settlement};
use crate::core::error::{Code, Error};
use crate::core::ids::{ApiKeyId, GroupId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate, Db, RowQuery, Txn, in_ids};
use crate::infra::entity::api_key::{self, AllowedModels, Column, Day, Month};

/// A valid API key with its limits and what counts against them.
#[derive(Deserialize, FromQueryResult)]
pub(super) struct KeyBudget {
    pub(super) id: ApiKeyId,
    models: Option<AllowedModels>,
    total_limit: Option<Tokens>,
    daily_limit: Option<Tokens>,
    monthly_limit: Option<Tokens>,
    held: Tokens,
    spent: Tokens,
    pub(super) payer_group_id: Option<GroupId>,
    /// Spent on the day, and in the month, of the queried time.
    spent_in_day: Tokens,
    spent_in_month: Tokens,
}

/// Returns a query of the valid keys among `key_ids`; `None` without ids. The rows are locked until the transaction
/// ends, in the order of their ids.
pub(super) fn lock(
    txn: &Txn,
    key_ids: impl Iterator<Item = ApiKeyId>,
    at: DateTime<Utc>,
) -> Option<RowQuery<KeyBudget>> {
    let key_ids: Vec<_> = key_ids.collect();
    if key_ids.is_empty() {
        return None;
    }
    let keys = api_key::Entity::find().filter(in_ids(txn, Column::Id, &key_ids)).filter(api_key::valid_at(at));
    let keys = keys.order_by_asc(Column::Id).lock_exclusive();
    Some(RowQuery::with(keys, COLUMNS, spent_at(at)))
}

/// The columns of a budget, besides those of [`spent_at`].
const COLUMNS: [Column; 8] = [
    Column::Id,
    Column::Models,
    Column::TotalLimit,
    Column::DailyLimit,
    Column::MonthlyLimit,
    Column::Held,
    Column::Spent,
    Column::PayerGroupId,
];

/// Returns what was spent on the day, and in the month, of this time.
fn spent_at(at: DateTime<Utc>) -> [(Expr, &'static str); 2] {
    [(spent_in_day(at), "spent_in_day"), (spent_in_month(at), "spent_in_month")]
}

/// Returns the budget of a valid key, without a lock.
pub(super) async fn read(db: &Db, key_id: ApiKeyId, at: DateTime<Utc>) -> Result<Option<KeyBudget>, Error> {
    let key = api_key::Entity::find_by_id(key_id).filter(api_key::valid_at(at)).select_only().columns(COLUMNS);
    let key = spent_at(at).into_iter().fold(key, |key, (sum, name)| key.expr_as(sum, name));
    Ok(key.into_model::<KeyBudget>().one(db.read()).await?)
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
        if let Some(rest) = self.rest()?.filter(|rest| *rest < amount) {
            return Err(spent(amount, rest));
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
        let exhausted = self.rest()?.filter(|rest| *rest <= Tokens::ZERO || *rest < cost);
        exhausted.filter(|_| !has_paid).map_or(Ok(()), |rest| Err(spent(cost, rest)))
    }

    fn check_model(&self, model: &str) -> Result<(), Error> {
        let is_allowed = self.models.as_ref().is_none_or(|models| models.allows(model));
        if is_allowed { Ok(()) } else { Err(Error::field("model", "There is no such model.")) }
    }
}

/// Adds to the batch what records holds under keys.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub(super) fn reserve(batch: &mut Batch, holds: &[ReservedHold]) -> Result<(), Error> {
    let (mut sums, mut at) = (BTreeMap::<ApiKeyId, Tokens>::new(), DateTime::<Utc>::MIN_UTC);
    for ReservedHold { hold, .. } in holds {
        if let Some(key_id) = hold.spender.api_key_id {
            let sum = sums.entry(key_id).or_default();
            *sum = sum.plus(hold.amount)?;
            at = Ord::max(at, hold.at);
        }
    }
    if sums.is_empty() {
        return Ok(());
    }
    let sums: Vec<_> = sums.into_iter().collect();
    let mut update = BulkUpdate::<api_key::Entity, _>::new(&sums, |(key_id, _)| *key_id);
    let amount = update.value(|(_, amount)| *amount);
    set_period(&mut update, at);
    update
        .set(Column::Held, Expr::col(Column::Held).add(amount))
        .set(Column::LastUsedAt, Expr::value(at))
        .set(Column::SpentInDay, spent_in_day(at))
        .set(Column::SpentInMonth, spent_in_month(at));
    batch.update(update.into_padded_statement(holds.len()), sums.len());
    Ok(())
}

/// Adds to the batch what settles holds under keys. Costs cannot exceed the limits, since they are at most the holds.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub(super) fn settle(batch: &mut Batch, settlements: &[Settlement]) -> Result<(), Error> {
    let (mut sums, mut at) = (BTreeMap::<ApiKeyId, (Tokens, Tokens)>::new(), DateTime::<Utc>::MIN_UTC);
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
    let sums: Vec<_> = sums.into_iter().collect();
    let mut update = BulkUpdate::<api_key::Entity, _>::new(&sums, |(key_id, _)| *key_id);
    let (hold, cost) = (update.value(|(_, (hold, _))| *hold), update.value(|(_, (_, cost))| *cost));
    set_period(&mut update, at);
    update
        .set(Column::Held, Expr::col(Column::Held).sub(hold))
        .set(Column::Spent, Expr::col(Column::Spent).add(cost.clone()))
        .set(Column::SpentInDay, spent_in_day(at).add(cost.clone()))
        .set(Column::SpentInMonth, spent_in_month(at).add(cost));
    batch.update(update.into_padded_statement(settlements.len()), sums.len());
    Ok(())
}

/// Sets the current day and month of keys, or keeps later ones, which a server whose clock is ahead has set: a day that
/// is over does not restart with nothing spent. The caller sets what was spent in them.
fn set_period<R>(update: &mut BulkUpdate<'_, api_key::Entity, R>, at: DateTime<Utc>) {
    update.set(Column::Day, later(Column::Day, Day::of(at))).set(Column::Month, later(Column::Month, Month::of(at)));
}

fn later(column: Column, now: impl Into<Value>) -> Expr {
    let now = now.into();
    Expr::case(column.gt(now.clone()), Expr::col(column)).finally(now).into()
}

fn spent_in_day(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Day.gte(Day::of(at)), Expr::col(Column::SpentInDay)).finally(0i64).into()
}

fn spent_in_month(at: DateTime<Utc>) -> Expr {
    Expr::case(Column::Month.gte(Month::of(at)), Expr::col(Column::SpentInMonth)).finally(0i64).into()
}

/// Returns the error for a limit of the key that does not cover the amount.
fn spent(required: Tokens, available: Tokens) -> Error {
    Error::insufficient("The spending limit of this API key does not cover this.", required.0, available.0)
}

/// Returns the error for a key that is no longer valid.
pub(super) fn ended() -> Error {
    Error::new(Code::Unauthenticated, "The API key was revoked or has expired.")
}
