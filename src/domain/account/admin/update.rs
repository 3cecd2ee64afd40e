//! Activation, deactivation and roles of users.

use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use serde_json::{Map, Value};

use super::lock::lock_target;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::account::remove::keep_a_superuser;
use crate::domain::account::sessions::{announce_sessions, end_sessions};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::entity::user;

/// A change of an account; unset fields stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserUpdate {
    /// Whether the user may log in. Deactivating ends all sessions.
    pub active: Option<bool>,
    /// Whether the user is staff.
    pub staff: Option<bool>,
    /// Whether the user is a superuser.
    pub superuser: Option<bool>,
}

impl UserUpdate {
    fn has_roles(self) -> bool {
        self.staff.is_some() || self.superuser.is_some()
    }
}

/// Activates, deactivates, promotes or demotes a user.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN if a superuser is required; INVALID_INPUT for roles without
/// [confirmation](super::confirm()); CONFLICT if it would remove the last active superuser.
pub async fn update(app: &App, actor: Actor, user_id: UserId, change: UserUpdate) -> Result<user::Model, Error> {
    if change.has_roles() {
        actor.require_superuser()?;
        actor.require_confirmed()?;
    }
    let at = app.clock.now();
    let changed = app
        .db
        .write((actor, user_id, change, at), |txn, &(actor, user_id, change, at)| {
            Box::pin(async move {
                let (actor, before) = lock_target(txn, actor, user_id).await?;
                if change.has_roles() {
                    actor.require_superuser()?;
                }
                let active = change.active.unwrap_or(before.is_active);
                let superuser = change.superuser.unwrap_or(before.is_superuser);
                if before.is_active && before.is_superuser && !(active && superuser) {
                    keep_a_superuser(txn, user_id).await?;
                }
                if before.is_active && !active {
                    end_sessions(txn, user_id).await?;
                }
                let row = user::ActiveModel {
                    id: Set(user_id),
                    is_active: Set(active),
                    is_staff: Set(change.staff.unwrap_or(before.is_staff)),
                    is_superuser: Set(superuser),
                    ..Default::default()
                };
                let after = row.update(txn).await?;
                let details = changes(&before, &after);
                let target = ("user", after.id.0, after.username.as_str());
                audit::record(
                    txn,
                    &actor,
                    AuditRecord { action: Action::UserUpdate, target, owner_id: None, details, at },
                )
                .await?;
                Ok(after)
            })
        })
        .await?;
    announce_sessions(app, user_id);
    Ok(changed)
}

/// Returns what changed, and nothing else.
fn changes(before: &user::Model, after: &user::Model) -> Value {
    let fields = [
        ("active", before.is_active, after.is_active),
        ("staff", before.is_staff, after.is_staff),
        ("superuser", before.is_superuser, after.is_superuser),
    ];
    let changed = fields.into_iter().filter(|(_, before, after)| before != after);
    Value::Object(
        changed.map(|(name, before, after)| (name.to_owned(), audit::change(before, after))).collect::<Map<_, _>>(),
    )
}
