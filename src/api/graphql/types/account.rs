//! The user type. Access is decided in the domain, not here.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::{Balances, LastActive, Spent};
use super::super::id::RowId;
use super::group::payer;
use super::{Balance, ConnectionOf, Group, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::core::viewer::Viewer;
use crate::domain::account::admin::UserOrder;
use crate::infra::entity::user;

pub(crate) struct User(Arc<user::Model>);

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self(Arc::new(row))
    }
}

impl From<Arc<user::Model>> for User {
    fn from(row: Arc<user::Model>) -> Self {
        Self(row)
    }
}

/// A user account. Visible to the user and to staff.
#[Object]
impl User {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The username; unique, ignoring case.
    async fn username(&self) -> Text<'_> {
        self.0.username.as_str().into()
    }

    /// The balance: spendable tokens, and tokens reserved for open chats.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Balance> {
        let balance = ctx.data::<DataLoader<Balances>>()?.load_one(self.0.id).await.map_err(context::shared)?;
        // Without one the account was deleted a moment ago.
        Ok(balance.ok_or_else(|| Error::not_found("user"))?.into())
    }

    /// Whether the user may log in.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// Whether the user is staff: sees all users and their chats, and creates, deactivates and deletes plain users, sets
    /// their passwords and adjusts their balances.
    async fn is_staff(&self) -> bool {
        self.0.is_staff
    }

    /// Whether the user is a superuser: has all permissions, including changing roles.
    async fn is_superuser(&self) -> bool {
        self.0.is_superuser
    }

    /// The group that pays for the user's messages; null for the user's own balance.
    async fn payer(&self, ctx: &Context<'_>) -> Result<Option<Group>> {
        payer(ctx, self.0.payer_group_id).await
    }

    /// Creation time of the account.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the last login; null if never.
    async fn last_login_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_login_at
    }

    /// The cost of the messages of the last 30 days, today included, in prepaid tokens. For staff; null for others.
    async fn spent(&self, ctx: &Context<'_>) -> Result<Option<Tokens>> {
        if ctx.data::<Viewer>()?.require_staff().is_err() {
            return Ok(None);
        }
        let spent = ctx.data::<DataLoader<Spent>>()?.load_one(self.0.id).await.map_err(context::shared)?;
        Ok(Some(Tokens(spent.unwrap_or(0))))
    }

    /// Time of the last message; null if there is none. For staff; null for others.
    async fn last_active_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        if ctx.data::<Viewer>()?.require_staff().is_err() {
            return Ok(None);
        }
        Ok(ctx.data::<DataLoader<LastActive>>()?.load_one(self.0.id).await.map_err(context::shared)?)
    }
}

pub(crate) async fn users(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<user::Entity>, Error>>,
    order: UserOrder,
) -> Result<ConnectionOf<User>> {
    connection(ctx, slice, |user| order.place(user), User::from).await
}
