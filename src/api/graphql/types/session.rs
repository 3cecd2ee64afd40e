//! Sessions: one log-in on one device each.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::bounded::Text;
use super::super::context::app_and_viewer;
use super::super::id::Kind;
use super::{ConnectionOf, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::infra::entity::session;

/// One log-in on one device. Visible to whoever logged in.
pub(crate) struct Session(pub(crate) session::Model);

/// One log-in on one device. Visible to whoever logged in.
#[Object]
impl Session {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Session.id(self.0.id)
    }

    /// What the client said of itself when it logged in.
    async fn user_agent(&self) -> Option<Text<'_>> {
        self.0.user_agent.as_deref().map(Text::from)
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last prolonged.
    async fn last_used_at(&self) -> DateTime<Utc> {
        self.0.last_used_at
    }

    /// When it ends, unless it is prolonged before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether it is the one that this request belongs to.
    async fn current(&self, ctx: &Context<'_>) -> Result<bool> {
        let (_, viewer) = app_and_viewer(ctx)?;
        Ok(viewer.require_session().is_ok_and(|(_, session_id)| session_id == self.0.id))
    }
}

pub(crate) async fn sessions(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<session::Entity>, Error>>,
) -> Result<ConnectionOf<Session>> {
    connection(ctx, slice, |session| session.id.into(), Session).await
}
