//! Members of groups.

use sea_orm::entity::prelude::*;

use crate::core::ids::{GroupId, UserId};

/// What a member may do in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "GroupRole")]
pub enum Role {
    /// May have the group pay.
    Member,
    /// Sees also the balance's history, and the other members.
    Manager,
}

/// Where a membership comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "MembershipSource")]
pub enum Source {
    /// An operator has added the member.
    Manual,
}

/// A user's membership in a group. Deleted with either.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "group_member")]
pub struct Model {
    /// Primary key; newer memberships have larger ids.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The group.
    pub group_id: GroupId,
    /// The user.
    pub user_id: UserId,
    /// What the user may do in the group.
    pub role: Role,
    /// Where the membership comes from.
    pub source: Source,
    /// Creation time.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
