//! Which group pays for a user's messages: the user's default. Conversations and API keys may name another one.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId};
use crate::core::viewer::Owner;
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::{api_key, conversation, user};

/// Sets the group that pays for the viewer's messages; `None` for the viewer's own wallet.
///
/// # Errors
/// INVALID_INPUT in the field `payer_group_id` for a group that the viewer does not belong to.
pub async fn set_payer(app: &App, owner: Owner, group_id: Option<GroupId>) -> Result<(), Error> {
    let set = app.db.write((owner.id, group_id), |txn, &(user_id, group_id)| {
        Box::pin(async move {
            ledger::find_for_update(txn, user_id).await?;
            ledger::check_payer(txn, user_id, group_id).await?;
            user::Entity::update_many()
                .col_expr(user::Column::PayerGroupId, Expr::value(group_id))
                .filter(user::Column::Id.eq(user_id))
                .exec(txn)
                .await?;
            Ok(())
        })
    });
    set.await
}

/// Removes a group as the payer of a user, or of all users: the user's own wallet pays.
pub(super) async fn forget_payer(txn: &Txn, id: GroupId, user_id: Option<UserId>) -> Result<(), Error> {
    let none = || Expr::value(None::<GroupId>);
    let mut users = user::Entity::update_many().filter(user::Column::PayerGroupId.eq(id));
    let mut keys = api_key::Entity::update_many().filter(api_key::Column::PayerGroupId.eq(id));
    let mut conversations = conversation::Entity::update_many().filter(conversation::Column::PayerGroupId.eq(id));
    if let Some(user_id) = user_id {
        users = users.filter(user::Column::Id.eq(user_id));
        keys = keys.filter(api_key::Column::UserId.eq(user_id));
        conversations = conversations.filter(conversation::Column::UserId.eq(user_id));
    }
    users.col_expr(user::Column::PayerGroupId, none()).exec(txn).await?;
    keys.col_expr(api_key::Column::PayerGroupId, none()).exec(txn).await?;
    conversations.col_expr(conversation::Column::PayerGroupId, none()).exec(txn).await?;
    Ok(())
}
