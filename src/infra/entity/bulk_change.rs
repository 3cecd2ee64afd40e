//! Changes of many users at once: which users an operator confirmed, so that a retry of the request continues with them.

use sea_orm::entity::prelude::*;

use crate::core::ids::UserId;

/// A change of many users, as it was confirmed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bulk_change")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The operator, who may have been deleted.
    pub actor_id: UserId,
    /// The idempotency key; unique per operator.
    pub idempotency_key: String,
    /// The keyed hash of the whole request.
    pub fingerprint: String,
    /// The random name of this change, which the idempotency keys of its ledger entries begin with.
    pub name: String,
    /// The ids of the users who matched, comma-separated.
    pub user_ids: String,
    /// Time of the request.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
