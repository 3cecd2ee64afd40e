//! What is held and spent under an API key, within the key's limits: in all, on one day, in one month (UTC).
//!
//! Each limit covers what was spent and what is held, so that no set of open chats can pass it together. What is spent
//! counts on the day on which it is settled. Always true, for every key: `held` is the sum of the holds of its open
//! chats, and `spent` what the ledger says was paid under it.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, UpdateMany};

use crate::db::Txn;
use crate::entity::api_key::{self, Column, day, month};
use crate::error::{Code, Error};
use crate::tokens::Tokens;

/// Sets tokens aside under a key, beside [`super::hold`].
///
/// # Errors
/// INSUFFICIENT_TOKENS where a limit of the key does not cover them; UNAUTHENTICATED where the key is good no longer.
/// Nothing is changed then.
pub async fn hold_under(txn: &Txn, key_id: i64, amount: Tokens, at: DateTime<Utc>) -> Result<api_key::Model, Error> {
    let covers = |limit: Column, spent: Expr| {
        let after = spent.add(Expr::col(Column::Held)).add(amount);
        Condition::any().add(limit.is_null()).add(after.lte(Expr::col(limit)))
    };
    let updated = of_now(at)
        .col_expr(Column::Held, Expr::col(Column::Held).add(amount))
        .col_expr(Column::LastUsedAt, Expr::value(at))
        .filter(Column::Id.eq(key_id))
        .filter(Column::RevokedAt.is_null())
        .filter(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at)))
        .filter(covers(Column::TotalLimit, Expr::col(Column::Spent)))
        .filter(covers(Column::DailyLimit, spent_in_day(at)))
        .filter(covers(Column::MonthlyLimit, spent_in_month(at)))
        .col_expr(Column::SpentInDay, spent_in_day(at))
        .col_expr(Column::SpentInMonth, spent_in_month(at))
        .exec_with_returning(txn)
        .await?;
    match updated.into_iter().next() {
        Some(key) => Ok(key),
        None => Err(refusal(find(txn, key_id).await?, at)),
    }
}

/// What may still be held under a key; nothing where it has no limits. Its row is locked until the transaction ends.
///
/// # Errors
/// UNAUTHENTICATED where the key is good no longer.
pub async fn rest_under(txn: &Txn, key_id: i64, at: DateTime<Utc>) -> Result<Option<Tokens>, Error> {
    let key = find(txn, key_id).await?.filter(|key| key.is_good(at)).ok_or_else(ended)?;
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

/// Ends a hold under a key. The cost can't pass the limits, since it is no more than the hold.
pub(super) async fn settle_under(
    txn: &Txn,
    key_id: i64,
    hold: Tokens,
    cost: Tokens,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let settled = of_now(at)
        .col_expr(Column::Held, Expr::col(Column::Held).sub(hold))
        .col_expr(Column::Spent, Expr::col(Column::Spent).add(cost))
        .col_expr(Column::SpentInDay, spent_in_day(at).add(cost))
        .col_expr(Column::SpentInMonth, spent_in_month(at).add(cost))
        .filter(Column::Id.eq(key_id))
        .exec(txn)
        .await?;
    if settled.rows_affected == 0 {
        return Err(Error::internal(format!("the API key {key_id} is gone, but not its user")));
    }
    Ok(())
}

/// An update that is of this day and month. What was spent in them has to be set beside.
fn of_now(at: DateTime<Utc>) -> UpdateMany<api_key::Entity> {
    api_key::Entity::update_many()
        .col_expr(Column::Day, Expr::value(day(at)))
        .col_expr(Column::Month, Expr::value(month(at)))
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

fn ended() -> Error {
    Error::new(Code::Unauthenticated, "The API key was revoked or has expired.")
}
