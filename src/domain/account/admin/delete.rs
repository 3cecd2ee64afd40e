//! Deletion of other users' accounts.

use super::lock::lock_target;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::account::remove::{check_removable, delete_contents, remove};
use crate::domain::account::sessions::announce_sessions;

/// Deletes an account with its sessions and chats. The ledger keeps its entries, and a new one that writes off the
/// balance.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for staff unless by a superuser; CONFLICT for the last active superuser.
pub async fn delete(app: &App, actor: Actor, user_id: UserId) -> Result<(), Error> {
    let at = app.clock.now();
    app.db
        .write((actor, user_id), |txn, &(actor, user_id)| {
            Box::pin(async move {
                let (_, user) = lock_target(txn, actor, user_id).await?;
                check_removable(txn, &user).await
            })
        })
        .await?;
    delete_contents(app, user_id).await?;
    app.db
        .write((actor, user_id, at), |txn, &(actor, user_id, at)| {
            Box::pin(async move {
                let (actor, user) = lock_target(txn, actor, user_id).await?;
                remove(txn, &actor, &user, at).await
            })
        })
        .await?;
    announce_sessions(app, user_id);
    Ok(())
}
