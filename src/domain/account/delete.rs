//! Deletion of the viewer's own account.

use secrecy::SecretString;

use super::password::confirm_password;
use super::remove::{check_removable, delete_contents, remove};
use super::sessions::announce_sessions;
use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::{Actor, ClientInfo, Owner};
use crate::domain::ledger;

/// Deletes the viewer's own account with its sessions, conversations and chats. The ledger keeps its entries, and a new
/// one that writes off the balance.
///
/// # Errors
/// RATE_LIMITED after too many failed attempts; INVALID_INPUT for a wrong password; CONFLICT for the last active
/// superuser; UNAVAILABLE if the queue for password hashing is full.
pub async fn delete(app: &App, owner: Owner, password: SecretString, origin: &ClientInfo) -> Result<(), Error> {
    let user = confirm_password(app, owner, password, origin).await?;
    let actor = Actor::User(owner);
    app.db
        .write(user.id, |txn, &id| {
            Box::pin(async move {
                let user = ledger::find_for_update(txn, id).await?;
                check_removable(txn, &user).await
            })
        })
        .await?;
    delete_contents(app, user.id).await?;
    app.db
        .write((actor, user.id, app.clock.now()), |txn, &(actor, user_id, at)| {
            Box::pin(async move {
                let user = ledger::find_for_update(txn, user_id).await?;
                remove(txn, &actor, &user, at).await
            })
        })
        .await?;
    announce_sessions(app, user.id);
    Ok(())
}
