//! API keys: what programs show instead of an access token.

use std::collections::HashSet;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::bounded::Text;
use super::super::context;
use super::super::id::Kind;
use super::super::loader::Users;
use super::{ConnectionOf, User, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Scope, Scopes};
use crate::infra::entity::api_key;

/// A key that programs show instead of an access token. Visible to its owner and to staff; the key itself to nobody.
pub(crate) struct ApiKey(pub(crate) api_key::Model);

/// A key that programs show instead of an access token. Visible to its owner and to staff; the key itself to nobody.
#[Object]
impl ApiKey {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::ApiKey.id(self.0.id)
    }

    /// What its owner calls it.
    async fn name(&self) -> Text<'_> {
        self.0.name.as_str().into()
    }

    /// How the key begins, to recognise it by.
    async fn prefix(&self) -> Text<'_> {
        self.0.prefix.as_str().into()
    }

    /// What it may be used for.
    async fn scopes(&self) -> Vec<Scope> {
        Scopes::from_names(&self.0.scopes).iter().collect()
    }

    /// The models that it may ask, by name; null for all.
    async fn models(&self) -> Option<Vec<Text<'_>>> {
        let mut models = self.0.allowed_models()?;
        // Each once, however often it was named.
        let mut seen = HashSet::new();
        models.retain(|model| seen.insert(model.clone()));
        Some(models.into_iter().map(Text::from).collect())
    }

    /// What it may spend, and what it has spent.
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

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ends by itself; null for never.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When it was last used, give or take a minute; null for never.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }

    /// When it was revoked; null where it was not.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }

    /// Whether it opens anything now.
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        let (app, _) = context::app_and_viewer(ctx)?;
        Ok(self.0.is_valid(app.clock.now()))
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }
}

/// What an API key may spend, and what it has spent. Days and months are those of UTC.
#[derive(SimpleObject)]
pub(crate) struct ApiKeySpending {
    /// Spent in all.
    total: Tokens,
    /// Set aside for what is being answered.
    held: Tokens,
    /// Spent today.
    today: Tokens,
    /// Spent this month.
    this_month: Tokens,
    /// What it may spend in all; null for no limit.
    total_limit: Option<Tokens>,
    /// What it may spend on one day; null for no limit.
    daily_limit: Option<Tokens>,
    /// What it may spend in one month; null for no limit.
    monthly_limit: Option<Tokens>,
}

pub(crate) async fn api_keys(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<api_key::Entity>, Error>>,
) -> Result<ConnectionOf<ApiKey>> {
    connection(ctx, slice, |key| key.id.into(), ApiKey).await
}
