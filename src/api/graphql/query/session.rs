//! The viewer's sessions.

use async_graphql::{Context, Object, Result};

use super::super::context::app_and_viewer;
use super::super::types::{self, ConnectionOf, Session, page};
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
}
