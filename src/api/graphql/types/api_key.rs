//! API keys: credentials of API clients, used in place of an access token.

use std::collections::HashSet;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::super::id::RowId;
use super::group::payer;
use super::{ConnectionOf, Group, User, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::core::viewer::Scope;
use crate::infra::entity::api_key;

pub(crate) struct ApiKey(pub(crate) api_key::Model);

/// An API key: a credential for API clients, used in place of an access token. Visible to its owner and to staff; the
/// secret is shown only when the key is created.
#[Object]
impl ApiKey {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The name that its owner chose.
    async fn name(&self) -> Text<'_> {
        self.0.name.as_str().into()
    }

    /// The first characters of the key, to recognize it by.
    async fn prefix(&self) -> Text<'_> {
        self.0.prefix.as_str().into()
    }

    /// The scopes: what the key may be used for.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes.iter().collect()
    }

    /// The names of the models that the key may use; null for all models.
    async fn models(&self) -> Option<Vec<Text<'_>>> {
        // A stored list may repeat a name.
        let mut seen = HashSet::new();
        let models = self.0.models.as_ref()?.names().iter().filter(|model| seen.insert(model.as_str()));
        Some(models.map(|model| model.as_str().into()).collect())
    }

    /// The group that pays for calls by the key; null for the owner's own choice of `setPayer`.
    async fn payer(&self, ctx: &Context<'_>) -> Result<Option<Group>> {
        payer(ctx, self.0.payer_group_id).await
    }

    /// The spending limits of the key, and what it has spent.
    async fn spending(&self, ctx: &Context<'_>) -> Result<ApiKeySpending> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let now = app.clock.now();
        let key = &self.0;
        Ok(ApiKeySpending {
            total: key.spent,
            held: key.held,
            today: key.spent_today(now),
            this_month: key.spent_this_month(now),
            total_limit: key.total_limit,
            daily_limit: key.daily_limit,
            monthly_limit: key.monthly_limit,
        })
    }

    /// Creation time.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Expiry time; null if it does not expire.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// Time of the last use, accurate to a minute; null if never used.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }

    /// Revocation time; null if it was not revoked.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }

    /// Whether the key is currently valid.
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        let (app, _) = context::app_and_viewer(ctx)?;
        Ok(self.0.is_valid(app.clock.now()))
    }

    /// The owner of the key.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }
}

/// The spending limits of an API key, and what it has spent, in prepaid tokens. Days and months are in UTC.
#[derive(SimpleObject)]
#[graphql(name = "KeySpending")]
pub(crate) struct ApiKeySpending {
    /// Total spending.
    total: Tokens,
    /// Reserved for open chats.
    held: Tokens,
    /// Spent today.
    today: Tokens,
    /// Spent this month.
    this_month: Tokens,
    /// Limit on total spending; null for no limit.
    total_limit: Option<Tokens>,
    /// Limit on daily spending; null for no limit.
    daily_limit: Option<Tokens>,
    /// Limit on monthly spending; null for no limit.
    monthly_limit: Option<Tokens>,
}

pub(crate) async fn api_keys(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<api_key::Entity>, Error>>,
) -> Result<ConnectionOf<ApiKey>> {
    connection(ctx, slice, |key| key.id.into(), ApiKey).await
}
