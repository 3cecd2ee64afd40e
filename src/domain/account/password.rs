//! The viewer's own password: confirming and changing it.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait};
use secrecy::{ExposeSecret, SecretString};

use super::attempts::{clear_attempts, enter, register_attempt};
use super::sessions::{announce_sessions, end_sessions};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::password::{self, QueueKind};
use crate::core::viewer::{ClientInfo, Identity, Owner};
use crate::infra::db::Txn;
use crate::infra::entity::user;

/// A change of one's own password.
pub struct PasswordChange {
    /// The current password.
    pub old: SecretString,
    /// The new password.
    pub new: SecretString,
}

/// Changes the viewer's own password, and ends all sessions.
///
/// # Errors
/// RATE_LIMITED after too many failed attempts; INVALID_INPUT if the current password is wrong, or the new one is not
/// valid or the current one; UNAVAILABLE if the queue for password hashing is full.
pub async fn change_password(
    app: &App,
    owner: Owner,
    change: PasswordChange,
    origin: &ClientInfo,
) -> Result<user::Model, Error> {
    let PasswordChange { old, new } = change;
    let is_unchanged = is_same(&old, &new);
    let user = match confirm_password(app, owner, old, origin).await {
        Err(error) if error.code == Code::InvalidInput => return Err(Error::field("old_password", error.message)),
        confirmed => confirmed?,
    };
    if is_unchanged {
        return Err(Error::field("new_password", "This is your current password. Choose another one."));
    }
    let ticket = enter(app, QueueKind::NewPassword, origin.address)?;
    ticket.check("new_password", new.clone(), user.username.clone()).await?;
    let hash = enter(app, QueueKind::NewPassword, origin.address)?.hash(new).await?;
    let changed = app.db.write((user.id, hash), |txn, (id, hash)| Box::pin(set_password_hash(txn, *id, hash))).await?;
    announce_sessions(app, changed.id);
    Ok(changed)
}

/// Returns whether two typed passwords are the same one. Longer ones than any user's are not compared.
fn is_same(one: &SecretString, other: &SecretString) -> bool {
    let [one, other] = [one, other].map(|password| password.expose_secret());
    let is_short = |password: &str| password::check_length(password).is_ok();
    one == other || (is_short(other) && is_short(one) && password::normalize(one) == password::normalize(other))
}

/// Verifies the viewer's password and returns the viewer's row. Failed attempts count like failed log-ins, by name and
/// by address.
///
/// # Errors
/// RATE_LIMITED after too many failed attempts; INVALID_INPUT for a wrong password, in the field `password`;
/// UNAVAILABLE if the queue for password hashing is full.
pub async fn confirm_password(
    app: &App,
    owner: Owner,
    password: SecretString,
    origin: &ClientInfo,
) -> Result<user::Model, Error> {
    verify_own(app, *owner, password, origin).await
}

/// Verifies the password of an authenticated user, whatever the credential. As [`confirm_password`].
pub(super) async fn verify_own(
    app: &App,
    identity: Identity,
    password: SecretString,
    origin: &ClientInfo,
) -> Result<user::Model, Error> {
    let ticket = enter(app, QueueKind::Verification, origin.address)?;
    let user = user::Entity::find_by_id(identity.id).one(app.db.read()).await?.ok_or_else(Error::unauthenticated)?;
    register_attempt(app, &user.username_key, origin.address).await?;
    if !ticket.verify(password, Some(user.password_hash.clone())).await? {
        return Err(Error::field("password", "The password is wrong."));
    }
    clear_attempts(app, &user.username_key, origin.address).await;
    Ok(user)
}

pub(super) async fn set_password_hash(txn: &Txn, user_id: UserId, hash: &str) -> Result<user::Model, Error> {
    end_sessions(txn, user_id).await?;
    let changed = user::ActiveModel { id: Set(user_id), password_hash: Set(hash.to_owned()), ..Default::default() };
    Ok(changed.update(txn).await?)
}
