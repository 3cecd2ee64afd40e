//! Authentication: from the `Authorization` header to the viewer, with the errors of the Django application. It grants
//! nothing: the domain authorizes.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue};

use super::error::ApiError;
use crate::app::App;
use crate::core::jwt;
use crate::core::viewer::{ClientInfo, Viewer};
use crate::domain::session::{self, AuthError};

/// Returns the authenticated viewer. These routes reject anonymous requests.
///
/// # Errors
/// Missing, malformed or invalid credentials; a failed database.
pub(super) async fn viewer(app: &App, headers: &HeaderMap) -> Result<Viewer, ApiError> {
    let length = headers.get(AUTHORIZATION).map_or(0, HeaderValue::len);
    if length > jwt::MAX_BYTES {
        return Err(ApiError::Credentials(AuthError::Invalid));
    }
    // Bytes beyond ASCII are read as Latin-1, as the Django application did; no valid token has any.
    let header: String = match headers.get(AUTHORIZATION) {
        Some(value) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
        None => return Err(ApiError::NoCredentials),
    };
    let mut parts = header.split_whitespace();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(scheme), token, more) if scheme.eq_ignore_ascii_case("bearer") => {
            let (Some(token), None) = (token, more) else { return Err(ApiError::BadHeader) };
            Ok(Viewer::User(session::authenticate(app, token).await?))
        }
        _ => Err(ApiError::NoCredentials),
    }
}

/// Returns the client of a request: its address and user agent.
pub(super) fn client_info(request: &Request) -> ClientInfo {
    let user_agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    ClientInfo { address: request.extensions().get().copied(), user_agent }
}
