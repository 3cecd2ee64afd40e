//! Who may have a group pay: its members, and everyone for the default group.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId};
use crate::infra::db::Txn;
use crate::infra::entity::{group, group_member};

/// Checks that a group may pay for a user; `None` is the user's own wallet.
///
/// # Errors
/// INVALID_INPUT in the field `payer_group_id` for a group that the user does not belong to.
pub async fn check_payer(txn: &Txn, user_id: UserId, group_id: Option<GroupId>) -> Result<(), Error> {
    let Some(group_id) = group_id else { return Ok(()) };
    let default = group::Entity::find_by_id(group_id).filter(group::Column::IsDefault.eq(true));
    if default.one(txn).await?.is_some() {
        return Ok(());
    }
    let member = group_member::Entity::find().filter(group_member::Column::UserId.eq(user_id));
    let member = member.filter(group_member::Column::GroupId.eq(group_id)).one(txn).await?;
    member.map(drop).ok_or_else(|| Error::field("payer_group_id", "You don't belong to such a group."))
}
