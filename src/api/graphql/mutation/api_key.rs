//! Mutations of API keys: creating and revoking. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::{Payload, Text};
use super::super::id::RowId;
use super::super::types::ApiKey;
use crate::core::ids::{ApiKeyId, GroupId};
use crate::core::tokens::Tokens;
use crate::core::viewer::Scope;
use crate::domain::session::api_key::{self, NewApiKey, SpendingLimits};

#[derive(Default)]
pub(super) struct ApiKeyMutation;

/// An API key to create.
#[derive(InputObject)]
struct CreateApiKeyInput {
    /// The name, 1 to 100 characters.
    name: String,
    /// The scopes: what the key may be used for. Defaults to COMPLETIONS.
    scopes: Option<Vec<Scope>>,
    /// The names of the models that the key may use. Defaults to all models.
    models: Option<Vec<String>>,
    /// Expiry time. If omitted, the key does not expire.
    expires_at: Option<DateTime<Utc>>,
    /// The spending limits. If omitted, only your balance limits the key.
    spending_limit: Option<SpendingLimitInput>,
    /// The global id of one of your groups, which pays for calls by the key. If omitted, your own choice of `setPayer`
    /// pays.
    payer_group_id: Option<ID>,
}

/// The spending limits of an API key, in prepaid tokens; holds of open chats count too. Each is at least 1; an omitted
/// one sets no limit. Days and months are in UTC.
#[derive(InputObject)]
struct SpendingLimitInput {
    /// Limit on total spending.
    total: Option<Tokens>,
    /// Limit on daily spending.
    per_day: Option<Tokens>,
    /// Limit on monthly spending.
    per_month: Option<Tokens>,
}

/// The API key to revoke.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// The global id of the API key.
    api_key_id: ID,
}

/// A new API key.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// The key, without its secret; null if none was created.
    api_key: Option<ApiKey>,
    /// The secret: the key itself. It is shown only once and cannot be retrieved later.
    secret: Option<Text<'static>>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A revoked API key.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The key, which is no longer valid; null if it was not revoked.
    api_key: Option<ApiKey>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl ApiKeyMutation {
    /// Creates an API key, which API clients use in place of an access token. Requires a session: API keys cannot
    /// create keys.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The API key.")] input: CreateApiKeyInput,
    ) -> Result<Payload<CreateApiKeyPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let CreateApiKeyInput { name, scopes, models, expires_at, spending_limit, payer_group_id } = input;
        let limits = spending_limit.map_or_else(SpendingLimits::default, |limit| {
            let SpendingLimitInput { total, per_day, per_month } = limit;
            SpendingLimits { total, per_day, per_month }
        });
        let (owner, scopes) = (viewer.require_session()?, scopes.unwrap_or_default());
        let made = async {
            let payer = payer_group_id.map(|id| GroupId::parse(&id)).transpose()?;
            api_key::create(app, owner, NewApiKey { name, scopes, models, expires_at, limits, payer }).await
        };
        let (made, errors) = outcome(made.await)?;
        let (key, secret) = made.unzip();
        Ok(Payload(CreateApiKeyPayload { api_key: key.map(ApiKey), secret: secret.map(Text::from), errors }))
    }

    /// Revokes an API key immediately: one of yours or, for staff, a key of any user, which is recorded in the audit
    /// trail. Its open chats continue, and are charged.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The API key.")] input: RevokeApiKeyInput,
    ) -> Result<Payload<RevokeApiKeyPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let owner = viewer.require_session()?;
        let revoked = async { api_key::revoke(app, owner, ApiKeyId::parse(&input.api_key_id)?).await };
        let (key, errors) = outcome(revoked.await)?;
        Ok(Payload(RevokeApiKeyPayload { api_key: key.map(ApiKey), errors }))
    }
}
