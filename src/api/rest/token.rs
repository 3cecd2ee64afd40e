//! Access and refresh tokens. Translates only: the domain verifies and issues them.

use axum::extract::Request;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::account::Profile;
use super::body::FormFields;
use super::credentials::client_info;
use super::error::ApiError;
use super::{ApiResult, json};
use crate::app::App;
use crate::core::error::Code;
use crate::domain::session::{self, AuthError};

/// Login credentials.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body; `FormFields` parses it, since it reports every field error")]
pub(super) struct Credentials {
    #[schema(min_length = 1)]
    username: String,
    /// The password; surrounding white space is ignored.
    #[schema(min_length = 1, max_length = 4096)]
    password: String,
}

/// A new session.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenResponse {
    /// The refresh token, to get new access tokens. Valid for `auth.refresh_ttl` (7 days by default) without use.
    refresh: String,
    /// The access token, to authenticate requests. Valid for `auth.access_ttl` (1 day by default).
    access: String,
    /// The logged-in user.
    user: Profile,
}

/// Log in.
#[utoipa::path(post, path = "/api/token/", tag = "token", request_body = Credentials, responses(
    (status = 200, description = "Tokens of a new session.", body = TokenResponse),
    (status = 400, description = "Field errors, or malformed JSON.", body = super::schemas::FieldErrors),
    (status = 401, description = "Wrong username or password, or the user is inactive.", body = super::schemas::Detail),
    (status = 415, description = "The media type is not supported.", body = super::schemas::Detail),
    (status = 429, description = "Too many failed logins for this username or address.", body = super::schemas::Detail),
    (status = 503, description = "Too many passwords are queued for verification.", body = super::schemas::Detail),
))]
pub(super) async fn obtain(app: &App, request: Request) -> ApiResult {
    let client = client_info(&request);
    let mut fields = FormFields::read(app, request).await?;
    let username = fields.text("username", usize::MAX);
    let password = fields.password("password");
    fields.check()?;
    match session::log_in(app, &username, password.into(), client).await {
        Ok(session::TokenPair { access_token, refresh_token, user }) => {
            let user = Profile::of(app, user).await?;
            Ok(json(StatusCode::OK, &TokenResponse { refresh: refresh_token, access: access_token, user }))
        }
        // One and the same for a deactivated user: clients of this route know no other answer.
        Err(error) if matches!(error.code, Code::Unauthenticated | Code::Forbidden) => {
            Err(ApiError::Login { detail: "No active account found with the given credentials", code: None })
        }
        Err(error) => Err(error.into()),
    }
}

/// A refresh token. It is not rotated: it stays valid.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body; `FormFields` parses it, since it reports every field error")]
pub(super) struct Refresh {
    #[schema(min_length = 1)]
    refresh: String,
}

/// A new access token.
#[derive(Serialize, ToSchema)]
pub(super) struct Access {
    access: String,
}

/// Get a new access token.
#[utoipa::path(post, path = "/api/token/refresh/", tag = "token", request_body = Refresh, responses(
    (status = 200, description = "A new access token.", body = Access),
    (status = 400, description = "Field errors, or malformed JSON.", body = super::schemas::FieldErrors),
    (status = 401, description = "The refresh token is invalid or expired.", body = super::schemas::Detail),
    (status = 415, description = "The media type is not supported.", body = super::schemas::Detail),
))]
pub(super) async fn refresh(app: &App, request: Request) -> ApiResult {
    let client = client_info(&request);
    let mut fields = FormFields::read(app, request).await?;
    let token = fields.text("refresh", usize::MAX);
    fields.check()?;
    match session::refresh_access(app, &token, &client).await {
        Ok(access) => Ok(json(StatusCode::OK, &Access { access })),
        Err(error) => {
            let detail = match error {
                AuthError::Failed(error) => return Err(error.into()),
                AuthError::WrongType => "Token has wrong type",
                AuthError::Invalid | AuthError::UserNotFound | AuthError::UserInactive => "Token is invalid or expired",
            };
            Err(ApiError::Login { detail, code: Some("token_not_valid") })
        }
    }
}
