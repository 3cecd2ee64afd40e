//! Retention of ledger entries: erases the notes and idempotency keys in entries of users whose accounts were deleted
//! long enough ago. Amounts, reasons and times stay, and with them every sum.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::{self, Column, Reason};
use crate::infra::entity::wallet;

/// Returns the ids of users whose accounts were deleted before `before`. Ids are never reused.
pub fn deleted_users(before: DateTime<Utc>) -> SelectStatement {
    let closed = Expr::col((wallet::Entity, wallet::Column::Id)).in_subquery(closed_wallets(before));
    Query::select()
        .column(wallet::Column::UserId)
        .from(wallet::Entity)
        .and_where(closed)
        .and_where(wallet::Column::UserId.is_not_null())
        .take()
}

/// Returns the ids of the wallets whose owners were deleted before `before`.
fn closed_wallets(before: DateTime<Utc>) -> SelectStatement {
    Query::select()
        .column(Column::WalletId)
        .from(ledger_entry::Entity)
        // A literal in the statement: SQLite does not use a partial index for a bound parameter.
        .and_where(Expr::col(Column::Reason).eq(Expr::Constant(Reason::AccountClosed.into())))
        .and_where(Expr::col(Column::CreatedAt).lt(before))
        .take()
}

/// Returns the entries of these wallets that have a note or an idempotency key.
pub fn notes(before: DateTime<Utc>) -> Select<ledger_entry::Entity> {
    let written = Condition::any().add(Column::Note.is_not_null()).add(Column::IdempotencyKey.is_not_null());
    ledger_entry::Entity::find().filter(Column::WalletId.in_subquery(closed_wallets(before))).filter(written)
}

/// Erases the notes and idempotency keys of these entries, and returns the number of entries.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn erase_notes(txn: &Txn, ids: &[i64]) -> Result<u64, Error> {
    let erase = ledger_entry::Entity::update_many()
        .col_expr(Column::Note, Expr::value(None::<String>))
        .col_expr(Column::IdempotencyKey, Expr::value(None::<String>))
        // Without the salt the digest, which the chain needs, tells nothing about them.
        .col_expr(Column::ErasableSalt, Expr::value(None::<String>))
        .filter(Column::Id.is_in(ids.iter().copied()));
    Ok(erase.exec(txn).await?.rows_affected)
}
