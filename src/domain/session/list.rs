//! Queries of the viewer's own sessions.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::SessionId;
use crate::core::pagination::{Page, PageRequest};
use crate::core::viewer::Owner;
use crate::domain::account;
use crate::infra::entity::session::{self, Column};

/// Returns the viewer's valid sessions, newest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn list(app: &App, owner: Owner, page: PageRequest) -> Result<Page<session::Entity>, Error> {
    let user = account::me(app, owner.reader()).await?.ok_or_else(Error::unauthenticated)?;
    let valid = session::Entity::find()
        .filter(Column::UserId.eq(user.id))
        .filter(Column::Epoch.eq(user.session_epoch))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(app.clock.now()));
    page.load(app.db.read(), valid, Column::Id).await
}

/// Returns one of the viewer's own sessions.
///
/// # Errors
/// NOT_FOUND also for a session of another user.
pub async fn find(app: &App, owner: Owner, session_id: SessionId) -> Result<session::Model, Error> {
    let own = session::Entity::find_by_id(session_id).filter(Column::UserId.eq(owner.id));
    own.one(app.db.read()).await?.ok_or_else(|| Error::not_found("session"))
}
