//! Retention of sessions: deletes those that ended long enough ago. Nothing reads them any more.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::session::{self, Column};

/// Returns the sessions that were revoked, or expired, before `before`.
pub fn ended(before: DateTime<Utc>) -> Select<session::Entity> {
    session::Entity::find().filter(over(before))
}

/// Deletes those of the sessions `ids` that ended before `before`, and returns their number.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn delete(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let delete = session::Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied())).filter(over(before));
    Ok(delete.exec(txn).await?.rows_affected)
}

fn over(before: DateTime<Utc>) -> Condition {
    Condition::any().add(Column::RevokedAt.lt(before)).add(Column::ExpiresAt.lt(before))
}
