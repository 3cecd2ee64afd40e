//! The end of sessions: log-out, here or everywhere, and revocation.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::list::find;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{SessionId, UserId};
use crate::core::viewer::Owner;
use crate::domain::account;
use crate::infra::db::Txn;
use crate::infra::entity::session::{self, Column};

/// Revokes the session that the viewer's token belongs to.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn log_out(app: &App, owner: Owner) -> Result<(), Error> {
    end(app, owner.id, owner.session_id()).await
}

/// Revokes all sessions of the viewer.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn log_out_everywhere(app: &App, owner: Owner) -> Result<(), Error> {
    app.db.write(owner.id, |txn, &id| Box::pin(account::end_sessions(txn, id))).await?;
    account::announce_sessions(app, owner.id);
    Ok(())
}

/// Revokes one of the viewer's own sessions: that of a lost device, or the current one.
///
/// # Errors
/// NOT_FOUND also for a session of another user.
pub async fn revoke_one(app: &App, owner: Owner, session_id: SessionId) -> Result<(), Error> {
    let own = find(app, owner, session_id).await?;
    end(app, own.user_id, own.id).await
}

pub(super) async fn end(app: &App, user_id: UserId, session_id: SessionId) -> Result<(), Error> {
    app.db.write((session_id, app.clock.now()), |txn, &(id, now)| Box::pin(revoke(txn, id, now))).await?;
    account::announce_sessions(app, user_id);
    Ok(())
}

pub(super) async fn revoke(txn: &Txn, session_id: SessionId, now: DateTime<Utc>) -> Result<(), Error> {
    session::Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Id.eq(session_id))
        .filter(Column::RevokedAt.is_null())
        .exec(txn)
        .await?;
    Ok(())
}
