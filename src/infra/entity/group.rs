//! Groups of users.

use sea_orm::entity::prelude::*;

use crate::core::ids::GroupId;

/// A group of users, which has a wallet (see [`super::wallet`]).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_group")]
pub struct Model {
    /// Primary key; never reused.
    #[sea_orm(primary_key)]
    pub id: GroupId,
    /// The unique name.
    #[sea_orm(unique)]
    pub name: String,
    /// What the group is for; may be empty.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Whether this is the group that every user belongs to, without a row for it. There is at most one.
    pub is_default: bool,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Time of the last change.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
