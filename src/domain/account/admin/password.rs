//! Passwords of other users.

use futures::future::ready;
use futures::{StreamExt, TryStreamExt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use secrecy::SecretString;
use serde_json::json;

use super::list::find;
use super::lock::lock_target;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::password::{self, QueueKind};
use crate::core::viewer::Actor;
use crate::domain::account::attempts::enter;
use crate::domain::account::password::set_password_hash;
use crate::domain::account::sessions::announce_sessions;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::entity::user;

/// Sets a user's password, and ends all their sessions.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for the password of staff unless by a superuser; INVALID_INPUT if the
/// password is not valid, and for that of an operator without [confirmation](super::confirm()).
pub async fn set_password(
    app: &App,
    actor: Actor,
    user_id: UserId,
    password: SecretString,
) -> Result<user::Model, Error> {
    let user = find(app, actor, user_id).await?;
    check(actor, &user)?;
    let ticket = enter(app, QueueKind::NewPassword, None)?;
    ticket.check("password", password.clone(), user.username.clone()).await?;
    let hash = enter(app, QueueKind::NewPassword, None)?.hash(password).await?;
    let changed = app
        .db
        .write((actor, user_id, hash, app.clock.now()), |txn, (actor, user_id, hash, at)| {
            Box::pin(async move {
                let (actor, target) = lock_target(txn, *actor, *user_id).await?;
                check(actor, &target)?;
                let user = set_password_hash(txn, *user_id, hash).await?;
                let target = ("user", user.id.0, user.username.as_str());
                let record = AuditRecord {
                    action: Action::UserSetPassword,
                    target,
                    owner_id: None,
                    details: json!({}),
                    at: *at,
                };
                audit::record(txn, &actor, record).await?;
                Ok(user)
            })
        })
        .await?;
    announce_sessions(app, user_id);
    Ok(changed)
}

fn check(actor: Actor, target: &user::Model) -> Result<(), Error> {
    actor.require_can_manage(target.is_operator())?;
    if target.is_operator() { actor.require_confirmed() } else { Ok(()) }
}

/// Returns the names of active superusers whose password is among the most common ones.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn superusers_with_common_passwords(app: &App) -> Result<Vec<String>, Error> {
    let superusers = user::Entity::find()
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::IsSuperuser.eq(true))
        .order_by_asc(user::Column::Id);
    let mut named = Vec::new();
    for user in superusers.all(app.db.read()).await? {
        let (hash, threads) = (&user.password_hash, app.config().auth.hashing_threads);
        // As many concurrent attempts as threads, so that none waits and no limit of the queue is reached.
        let tries = futures::stream::iter(password::common(&user.username)).map(|common| async move {
            app.hasher.enter(QueueKind::Verification, None)?.verify(common.into(), Some(hash.clone())).await
        });
        let mut matches = std::pin::pin!(tries.buffer_unordered(threads).try_filter(|matches| ready(*matches)));
        if matches.try_next().await?.is_some() {
            named.push(user.username);
        }
    }
    Ok(named)
}
