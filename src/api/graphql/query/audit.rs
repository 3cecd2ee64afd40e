//! The audit trail, for staff.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, AuditEvent, ConnectionOf, page};
use crate::core::ids::UserId;
use crate::core::pagination::TimeRange;
use crate::domain::audit;

#[derive(Default)]
pub(super) struct AuditQuery;

#[Object]
impl AuditQuery {
    /// The audit trail, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn audit_trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the actions of this user.")] actor_id: Option<ID>,
        #[graphql(
            desc = "Returns only the actions on this object: a user (including the user's chats and API keys), a chat, \
                    an API key, a provider or a group. The object may be deleted."
        )]
        target_id: Option<ID>,
        #[graphql(desc = "Returns only these actions.")] actions: Option<Vec<audit::Action>>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<AuditEvent>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let actor_id = actor_id.map(|id| UserId::parse(&id)).transpose()?;
        let target = target_id.map(|id| types::audited(&id)).transpose()?;
        let filter = audit::AuditFilter { actions, actor_id, target, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::events(ctx, audit::trail(app, staff, filter, page)).await?))
    }
}
