//! The locked rows of actor and target, so that permissions are checked against their current roles.

use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::user;

/// Locks and returns the user to be changed, and the actor with its current roles.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for an operator unless by a superuser.
pub(super) async fn lock_target(txn: &Txn, actor: Actor, user_id: UserId) -> Result<(Actor, user::Model), Error> {
    let (actor, target) = lock(txn, actor, Some(user_id)).await?;
    let target = target.ok_or_else(|| Error::not_found("user"))?;
    actor.require_can_manage(target.is_operator())?;
    Ok((actor, target))
}

/// Locks the actor's row and the target's, in the order of their ids.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for an actor that is no longer an active operator.
pub(super) async fn lock(
    txn: &Txn,
    actor: Actor,
    target: Option<UserId>,
) -> Result<(Actor, Option<user::Model>), Error> {
    let (actor, rows) = lock_targets(txn, actor, target.as_slice()).await?;
    Ok((actor, rows.into_iter().next()))
}

/// Locks the actor's row, and returns the actor with the current roles.
///
/// # Errors
/// UNAUTHENTICATED if the actor is deleted or inactive; FORBIDDEN if the actor is no longer an operator.
pub async fn lock_actor(txn: &Txn, actor: Actor) -> Result<Actor, Error> {
    Ok(lock(txn, actor, None).await?.0)
}

/// Locks the actor's row and those of the targets, in the order of their ids, and returns the targets that exist. The
/// caller checks whether the actor may manage each of them.
///
/// # Errors
/// As [`lock`].
pub(super) async fn lock_targets(
    txn: &Txn,
    actor: Actor,
    targets: &[UserId],
) -> Result<(Actor, Vec<user::Model>), Error> {
    let mut rows = ledger::find_all_for_update(txn, actor.id().into_iter().chain(targets.iter().copied())).await?;
    let actor = match actor.id() {
        None => actor,
        Some(id) => {
            let own = rows.iter().find(|row| row.id == id && row.is_active).ok_or_else(Error::unauthenticated)?;
            actor.with_roles(own.is_staff, own.is_superuser)?
        }
    };
    rows.retain(|row| targets.contains(&row.id));
    Ok((actor, rows))
}
