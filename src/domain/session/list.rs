//! Queries of sessions: the viewer's own and, for staff, those of one user.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{SessionId, UserId};
use crate::core::pagination::{Page, PageRequest};
use crate::core::viewer::{Actor, Owner, Staff};
use crate::domain::account;
use crate::infra::entity::session::{self, Column};
use crate::infra::entity::user;

/// Returns the viewer's valid sessions, newest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn list(app: &App, owner: Owner, page: PageRequest) -> Result<Page<session::Entity>, Error> {
    let user = account::me(app, owner.reader()).await?.ok_or_else(Error::unauthenticated)?;
    valid_of(app, &user, page).await
}

/// Returns the valid sessions of a user, newest first, for staff.
///
/// # Errors
/// NOT_FOUND without such a user.
pub async fn list_of(
    app: &App,
    staff: Staff,
    user_id: UserId,
    page: PageRequest,
) -> Result<Page<session::Entity>, Error> {
    let user = account::admin::find(app, Actor::from(staff), user_id).await?;
    valid_of(app, &user, page).await
}

async fn valid_of(app: &App, user: &user::Model, page: PageRequest) -> Result<Page<session::Entity>, Error> {
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
