//! The sum that an operator has granted, for the daily limit of staff.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::{self, Column, Reason};

/// Returns the sum that an operator has granted from `since` until before `until`: additions to balances, and the
/// grants of accounts that the operator created. Subtractions are not deducted, since they may be of another user's
/// tokens.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn granted_by(
    txn: &Txn,
    actor_id: UserId,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Tokens, Error> {
    // The cast is for PostgreSQL, whose sum of integers is a decimal.
    let sum = Func::coalesce([Func::sum(Expr::col(Column::Amount)).cast_as("bigint"), Expr::val(0i64)]);
    let sums = ledger_entry::Entity::find()
        .select_only()
        .column_as(Expr::from(sum), "sum")
        .filter(Column::ActorId.eq(actor_id))
        .filter(Column::Reason.is_in([Reason::Adjustment, Reason::SignupGrant]))
        .filter(Column::Amount.gt(Tokens::ZERO))
        .filter(Column::CreatedAt.gte(since))
        .filter(Column::CreatedAt.lt(until));
    Ok(Tokens(sums.into_tuple::<i64>().one(txn).await?.unwrap_or(0)))
}
