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
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Session>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::sessions(ctx, session::list(app, viewer, page)).await?))
    }
}
