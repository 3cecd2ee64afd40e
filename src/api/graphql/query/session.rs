//! Sessions: the viewer's own and, for staff, those of one user.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ConnectionOf, Session, page};
use crate::core::ids::UserId;
use crate::domain::session;

#[derive(Default)]
pub(super) struct SessionQuery;

#[Object]
impl SessionQuery {
    /// Your active sessions, newest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Session>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::sessions(ctx, session::list(app, viewer.require_session()?, page)).await?))
    }

    /// The active sessions of a user, newest first. For staff.
    async fn user_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of the user.")] user_id: ID,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Session>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let user_id = UserId::parse(&user_id)?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::sessions(ctx, session::list_of(app, staff, user_id, page)).await?))
    }
}
