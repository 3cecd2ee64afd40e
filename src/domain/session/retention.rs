//! Sessions that have been over for long enough: nothing asks for them any more.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::session::{self, Column};

/// Sessions that were ended, or ran out, before.
pub fn ended(before: DateTime<Utc>) -> Select<session::Entity> {
    session::Entity::find().filter(over(before))
}

/// Deletes those of these sessions.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn delete(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let delete = session::Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied())).filter(over(before));
    Ok(delete.exec(txn).await?.rows_affected)
}

fn over(before: DateTime<Utc>) -> Condition {
    Condition::any().add(Column::RevokedAt.lt(before)).add(Column::ExpiresAt.lt(before))
}
