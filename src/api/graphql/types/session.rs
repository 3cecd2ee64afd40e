//! The session type: one login on one device.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::execution::bounded::Text;
use super::super::id::RowId;
use super::{ConnectionOf, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::infra::entity::session;

pub(crate) struct Session(pub(crate) session::Model);

/// A session: one login on one device. Visible to its user and to staff.
#[Object]
impl Session {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The `User-Agent` header of the login.
    async fn user_agent(&self) -> Option<Text<'_>> {
        self.0.user_agent.as_deref().map(Text::from)
    }

    /// The client's address at the login; of IPv6 its network. Null if it is not known.
    async fn address(&self) -> Option<Text<'_>> {
        self.0.address.as_deref().map(Text::from)
    }

    /// Creation time.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the last token refresh.
    async fn last_used_at(&self) -> DateTime<Utc> {
        self.0.last_used_at
    }

    /// Expiry time, unless refreshed before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether this is the session of the current request.
    async fn current(&self, ctx: &Context<'_>) -> Result<bool> {
        let (_, viewer) = app_and_viewer(ctx)?;
        Ok(viewer.require_session().is_ok_and(|owner| owner.session_id() == self.0.id))
    }
}

pub(crate) async fn sessions(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<session::Entity>, Error>>,
) -> Result<ConnectionOf<Session>> {
    connection(ctx, slice, |session| session.id.into(), Session).await
}
