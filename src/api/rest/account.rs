//! Registration, balance and profile. Translates only: the rules are in the domain.

use axum::extract::Request;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::FormFields;
use super::error::ApiError;
use super::{ApiResult, json};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::Viewer;
use crate::domain::account::{self, username};
use crate::domain::ledger;

/// A user account to register.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body; `FormFields` parses it, since it reports every field error")]
pub(super) struct Registration {
    /// The username. It may not be confusable with another one.
    #[schema(min_length = 1, max_length = 50)]
    username: String,
    /// The password; not easy to guess. Surrounding white space is ignored.
    #[schema(min_length = 8, max_length = 256)]
    password: String,
    /// The same password, as confirmation.
    #[schema(min_length = 8, max_length = 256)]
    password2: String,
}

/// The registered user.
#[derive(Serialize, ToSchema)]
pub(super) struct Registered {
    username: String,
}

/// Register a user account.
#[utoipa::path(post, path = "/api/register/", tag = "account", request_body = Registration, responses(
    (status = 201, description = "The account was created.", body = Registered),
    (status = 400, description = "Field errors, or malformed JSON.", body = super::schemas::FieldErrors),
    (status = 403, description = "Registration is closed.", body = super::schemas::Detail),
    (status = 415, description = "The media type is not supported.", body = super::schemas::Detail),
    (status = 429, description = "Too many accounts from this address.", body = super::schemas::Detail),
    (status = 503, description = "Too many passwords are queued for hashing.", body = super::schemas::Detail),
))]
pub(super) async fn register(app: &App, request: Request) -> ApiResult {
    let client = super::credentials::client_info(&request);
    let mut fields = FormFields::read(app, request).await?;
    let username = fields.text("username", username::MAX_CHARS);
    let password = fields.password("password");
    let password2 = fields.password("password2");
    let registering = account::Registration { username, password: password.into() };
    // Field errors of the domain are reported together with those found here.
    let checked = match account::check(app, registering, &client).await {
        Err(error) if error.code == Code::InvalidInput => return Err(fields.reject(error)),
        checked => checked?,
    };
    fields.check()?;
    if !checked.is_password(&password2) {
        return Err(ApiError::Domain(Error::field("password", "Password fields didn't match.")));
    }
    let user = account::register_checked(app, checked, &client).await?;
    Ok(json(StatusCode::CREATED, &Registered { username: user.username }))
}

/// The balance of a user, in prepaid tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct Balance {
    /// Spendable tokens.
    #[schema(value_type = i64)]
    tokens: Tokens,
}

/// Get your balance.
#[utoipa::path(get, path = "/api/user/balance/", tag = "account", security(("access_token" = [])), responses(
    (status = 200, description = "The balance.", body = Balance),
    (status = 401, description = "The access token is missing or invalid.", body = super::schemas::Detail),
))]
pub(super) async fn balance(app: &App, viewer: Viewer) -> ApiResult {
    let balance = ledger::balance(&app.db, viewer.require_read()?.id).await?;
    Ok(json(StatusCode::OK, &Balance { tokens: balance.tokens }))
}

/// A user, in the shape that clients of the Django application expect.
#[derive(Serialize, ToSchema)]
pub(super) struct Profile {
    #[schema(value_type = i64)]
    id: UserId,
    username: String,
    /// Spendable tokens.
    #[schema(value_type = i64)]
    tokens: Tokens,
}

impl Profile {
    pub(super) async fn of(app: &App, user: crate::infra::entity::user::Model) -> Result<Self, Error> {
        let tokens = ledger::balance(&app.db, user.id).await?.tokens;
        Ok(Self { id: user.id, username: user.username, tokens })
    }
}

/// Get your profile.
#[utoipa::path(get, path = "/api/user/profile/", tag = "account", security(("access_token" = [])), responses(
    (status = 200, description = "The user.", body = Profile),
    (status = 401, description = "The access token is missing or invalid.", body = super::schemas::Detail),
))]
pub(super) async fn profile(app: &App, viewer: Viewer) -> ApiResult {
    let me = account::me(app, viewer.require_read()?).await?.ok_or_else(Error::unauthenticated)?;
    Ok(json(StatusCode::OK, &Profile::of(app, me).await?))
}
