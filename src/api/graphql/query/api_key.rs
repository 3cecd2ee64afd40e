//! API keys: the viewer's own and, for staff, those of all users.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ApiKey, ConnectionOf, page};
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::session::api_key;

#[derive(Default)]
pub(super) struct ApiKeyQuery;

#[Object]
impl ApiKeyQuery {
    /// Your API keys, including expired and revoked ones, newest first.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let owner = viewer.require_session()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::list(app, owner, page)).await?))
    }

    /// The API keys of all users, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn user_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the API keys of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Search text: a part of the name, or the start of the prefix.")] search: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from(viewer.require_staff()?);
        let user_id = user_id.map(|id| UserId::parse(&id)).transpose()?;
        let filter = api_key::ApiKeyFilter { user_id, search };
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::all(app, actor, filter, page)).await?))
    }
}
