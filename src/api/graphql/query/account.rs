//! The viewer's own account, and, for staff, those of all users.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ConnectionOf, User, page};
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Viewer};
use crate::domain::account;
use crate::domain::account::admin;
use crate::domain::overview;

#[derive(Default)]
pub(super) struct AccountQuery;

#[Object]
impl AccountQuery {
    /// The authenticated user, or null.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        if viewer == Viewer::Anonymous {
            return Ok(None);
        }
        Ok(account::me(app, viewer.require_read()?).await?.map(User::from))
    }

    /// All users. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Search words: all of them must occur in the username, in any order.")] search: Option<String>,
        #[graphql(desc = "Filters by `isActive`.")] active: Option<bool>,
        #[graphql(desc = "Filters by `isStaff`.")] staff: Option<bool>,
        #[graphql(desc = "Filters by `isSuperuser`.")] superuser: Option<bool>,
        #[graphql(desc = "Returns only users with at least this spendable balance.")] min_tokens: Option<Tokens>,
        #[graphql(desc = "Returns only users with at most this spendable balance.")] max_tokens: Option<Tokens>,
        #[graphql(desc = "Sort order. Defaults to NEWEST.")] order_by: Option<admin::UserOrder>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<User>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let order = order_by.unwrap_or_default();
        let roles = admin::UserFilter { staff, superuser, ..admin::UserFilter::default() };
        let filter = admin::UserFilter { search, active, min_tokens, max_tokens, order, ..roles };
        let operator = viewer.require_staff()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::users(ctx, overview::users(app, operator, filter, page), order).await?))
    }

    /// One user. For staff.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from(viewer.require_staff()?);
        Ok(Some(admin::find(app, actor, UserId::parse(&id)?).await?.into()))
    }
}
