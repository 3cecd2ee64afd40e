//! Ending the sessions of other users.

use serde_json::json;

use super::lock::lock_target;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::account::sessions::{announce_sessions, end_sessions};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::entity::user;

/// Ends all sessions of a user, who may log in again. API keys stay valid.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for an operator unless by a superuser.
pub async fn log_out(app: &App, actor: Actor, user_id: UserId) -> Result<user::Model, Error> {
    let user = app
        .db
        .write((actor, user_id, app.clock.now()), |txn, &(actor, user_id, at)| {
            Box::pin(async move {
                let (actor, user) = lock_target(txn, actor, user_id).await?;
                end_sessions(txn, user_id).await?;
                let target = ("user", user.id.0, user.username.as_str());
                let record = AuditRecord { action: Action::UserLogOut, target, owner_id: None, details: json!({}), at };
                audit::record(txn, &actor, record).await?;
                Ok(user)
            })
        })
        .await?;
    announce_sessions(app, user_id);
    Ok(user)
}
