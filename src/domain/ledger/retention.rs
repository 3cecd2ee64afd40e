//! What was written into the entries of users who have been gone for long enough. Amounts, reasons and times stay, so
//! every sum does.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::{self, Column, Reason};

/// The ids of users whose accounts were deleted before. Ids are never used again.
pub fn gone(before: DateTime<Utc>) -> SelectStatement {
    Query::select()
        .column(Column::UserId)
        .from(ledger_entry::Entity)
        // A constant of the statement: by a parameter SQLite finds no index of some rows only.
        .and_where(Expr::col(Column::Reason).eq(Expr::Constant(Reason::AccountClosed.into())))
        .and_where(Expr::col(Column::CreatedAt).lt(before))
        .take()
}

/// Their entries that say more than numbers.
pub fn notes(before: DateTime<Utc>) -> Select<ledger_entry::Entity> {
    let written = Condition::any().add(Column::Note.is_not_null()).add(Column::IdempotencyKey.is_not_null());
    ledger_entry::Entity::find().filter(Column::UserId.in_subquery(gone(before))).filter(written)
}

/// Erases what was written into these entries.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn erase_notes(txn: &Txn, ids: &[i64]) -> Result<u64, Error> {
    let erase = ledger_entry::Entity::update_many()
        .col_expr(Column::Note, Expr::value(None::<String>))
        .col_expr(Column::IdempotencyKey, Expr::value(None::<String>))
        .filter(Column::Id.is_in(ids.iter().copied()));
    Ok(erase.exec(txn).await?.rows_affected)
}
