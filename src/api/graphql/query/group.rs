//! Groups: the viewer's own and, for staff, all.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ConnectionOf, Group, page};
use crate::core::ids::GroupId;
use crate::domain::group;

#[derive(Default)]
pub(super) struct GroupQuery;

#[Object]
impl GroupQuery {
    /// The groups that you belong to, newest first. The default group is among them.
    async fn my_groups(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Group>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (reader, page) = (viewer.require_read()?, page(first, last, after, before)?);
        Ok(Some(types::groups(ctx, group::mine(app, reader, page)).await?))
    }

    /// All groups, newest first. For staff.
    async fn groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only groups with this in their name.")] search: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Group>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (staff, page) = (viewer.require_staff()?, page(first, last, after, before)?);
        Ok(Some(types::groups(ctx, group::groups(app, staff, search.as_deref(), page)).await?))
    }

    /// One group: one of yours or, for staff, any.
    async fn group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of the group.")] id: ID,
    ) -> Result<Option<Group>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        Ok(Some(group::find(app, viewer, GroupId::parse(&id)?).await?.into()))
    }
}
