//! What anyone may know about this server.

use async_graphql::{Context, Object, Result};

use super::super::context::app_and_viewer;
use super::super::types::Server;

#[derive(Default)]
pub(super) struct ServerQuery;

#[Object]
impl ServerQuery {
    /// The public limits and rules of this server: what forms need to know, also before a login.
    async fn server(&self, ctx: &Context<'_>) -> Result<Server> {
        let (app, _) = app_and_viewer(ctx)?;
        Ok(Server(app.clone()))
    }
}
