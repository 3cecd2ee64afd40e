//! Ending all sessions of a user, and the notification about it.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::infra::db::Txn;
use crate::infra::entity::user;

/// Notifies those who serve this user's sessions for longer than one request, such as subscriptions, to check whether
/// they are still valid. Called after the transaction that ended some; they poll for changes whose notification was
/// lost.
pub fn announce_sessions(app: &App, user_id: UserId) {
    if let Err(error) = app.credential_cache.invalidate_entries_if(move |_, (identity, _)| identity.id == user_id) {
        // Never with this cache's settings; then the entries expire within a second.
        tracing::error!(%error, "credential cache invalidation failed");
    }
    app.bus.publish(&sessions_topic(user_id), Vec::new);
}

/// Returns the topic of notifications that sessions of this user may have ended.
pub fn sessions_topic(user_id: UserId) -> String {
    format!("user:{user_id}:sessions")
}

/// Ends all sessions of a user. Followed by [`announce_sessions`] after the transaction.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn end_sessions(txn: &Txn, user_id: UserId) -> Result<(), Error> {
    let next = Expr::col(user::Column::SessionEpoch).add(1);
    user::Entity::update_many()
        .col_expr(user::Column::SessionEpoch, next)
        .filter(user::Column::Id.eq(user_id))
        .exec(txn)
        .await?;
    Ok(())
}
