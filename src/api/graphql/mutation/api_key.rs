//! API keys: making and revoking them.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::bounded::{Payload, Text};
use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::id::Kind;
use super::super::types::ApiKey;
use crate::core::tokens::Tokens;
use crate::core::viewer::Scope;
use crate::domain::session::api_key::{self, NewApiKey, SpendingLimits};

#[derive(Default)]
pub(super) struct ApiKeyMutation;

/// An API key that is to be made.
#[derive(InputObject)]
struct CreateApiKeyInput {
    /// What you call it, 1 to 100 characters.
    name: String,
    /// What it may be used for; COMPLETIONS where nothing is named.
    scopes: Option<Vec<Scope>>,
    /// The models that it may ask, by name; all where they are left out.
    models: Option<Vec<String>>,
    /// When it ends by itself; never where it is left out.
    expires_at: Option<DateTime<Utc>>,
    /// What it may spend; as much as you have where it is left out.
    spending_limit: Option<SpendingLimitInput>,
}

/// What an API key may spend, what is held for open messages included. Each is at least 1; what is left out does not
/// limit. Days and months are those of UTC.
#[derive(InputObject)]
struct SpendingLimitInput {
    /// In all.
    total: Option<Tokens>,
    /// On one day.
    per_day: Option<Tokens>,
    /// In one month.
    per_month: Option<Tokens>,
}

/// An API key that is to end.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// The key.
    api_key_id: ID,
}

/// A new API key.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// The key, without what is secret of it.
    api_key: Option<ApiKey>,
    /// The key itself. Shown this once; nobody can read it again.
    secret: Option<Text<'static>>,
    /// Why none was made.
    errors: Vec<UserError>,
}

/// A revoked API key.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The key, which opens nothing any more.
    api_key: Option<ApiKey>,
    /// Why it was not revoked.
    errors: Vec<UserError>,
}

#[Object]
impl ApiKeyMutation {
    /// Makes an API key, which programs show instead of an access token. Only for those who logged in.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: CreateApiKeyInput,
    ) -> Result<Payload<CreateApiKeyPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let CreateApiKeyInput { name, scopes, models, expires_at, spending_limit } = input;
        let limits = spending_limit.map_or_else(SpendingLimits::default, |limit| {
            let SpendingLimitInput { total, per_day, per_month } = limit;
            SpendingLimits { total, per_day, per_month }
        });
        let new = NewApiKey { name, scopes: scopes.unwrap_or_default(), models, expires_at, limits };
        let (made, errors) = outcome(api_key::create(app, viewer, new).await)?;
        let (key, secret) = made.unzip();
        Ok(Payload(CreateApiKeyPayload { api_key: key.map(ApiKey), secret: secret.map(Text::from), errors }))
    }

    /// Ends an API key at once: one of yours or, for staff, anybody's, which the audit trail tells. What it is being
    /// answered goes on, and is paid for.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: RevokeApiKeyInput,
    ) -> Result<Payload<RevokeApiKeyPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_session()?;
        let revoked = async { api_key::revoke(app, viewer, Kind::ApiKey.row(&input.api_key_id)?).await };
        let (key, errors) = outcome(revoked.await)?;
        Ok(Payload(RevokeApiKeyPayload { api_key: key.map(ApiKey), errors }))
    }
}
