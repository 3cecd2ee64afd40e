//! Creation of accounts.

use secrecy::SecretString;
use serde_json::json;

use super::adjust::{keep_staff_limit, staff_limit};
use super::lock::lock;
use crate::app::App;
use crate::core::error::Error;
use crate::core::password::QueueKind;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::attempts::enter;
use crate::domain::account::insert::{Roles, ValidatedUser, insert};
use crate::domain::account::rules::obey_rules;
use crate::domain::account::username;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::entity::user;

/// Creates an account, whether or not registration is open. Its balance starts with `grant`, by default the configured
/// one.
///
/// # Errors
/// FORBIDDEN if roles are set by an actor who is no superuser; INVALID_INPUT as for registering, and for roles without
/// [confirmation](super::confirm()); RATE_LIMITED if the grant exceeds the staff member's limit of today.
pub async fn create(
    app: &App,
    actor: Actor,
    username: &str,
    password: SecretString,
    roles: Roles,
    grant: Option<Tokens>,
) -> Result<user::Model, Error> {
    if roles != Roles::default() {
        actor.require_superuser()?;
        actor.require_confirmed()?;
    }
    let checked = obey_rules(app, username::check(username), password, None).await?;
    let mut new = ValidatedUser::hashed(app, checked, roles, enter(app, QueueKind::NewPassword, None)?).await?;
    new.grant = grant.unwrap_or(new.grant);
    new.actor_id = actor.id();
    new.by_operator = true;
    let limit = staff_limit(app);
    app.db
        .write((actor, new), move |txn, (actor, new)| {
            Box::pin(async move {
                let (actor, _) = lock(txn, *actor, None).await?;
                if new.roles != Roles::default() {
                    actor.require_superuser()?;
                }
                let user = insert(txn, new).await?;
                keep_staff_limit(txn, actor, new.grant, limit, new.at).await?;
                let details = json!({ "staff": user.is_staff, "superuser": user.is_superuser, "tokens": new.grant });
                let target = ("user", user.id.0, user.username.as_str());
                audit::record(
                    txn,
                    &actor,
                    AuditRecord { action: Action::UserCreate, target, owner_id: None, details, at: new.at },
                )
                .await?;
                Ok(user)
            })
        })
        .await
}
