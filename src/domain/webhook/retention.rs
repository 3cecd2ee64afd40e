//! Retention of the log of deliveries.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::webhook_delivery::{Column, Entity};

/// Returns the deliveries whose attempts ended before `before`, whatever their state.
pub fn old(before: DateTime<Utc>) -> Select<Entity> {
    Entity::find().filter(Column::GiveUpAt.lt(before))
}

/// Deletes those of the deliveries `ids` that are still old, and returns their number.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn delete_old(txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let delete = Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied()));
    Ok(delete.filter(Column::GiveUpAt.lt(before)).exec(txn).await?.rows_affected)
}
