//! Authentication for all transports: the credential of a request, and its viewer. The session is checked in the domain.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::super::execution::request::RequestRejection;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::Viewer;
use crate::domain::session::{self, AuthError};

/// Returns the access token of the `Authorization` header.
///
/// # Errors
/// UNAUTHENTICATED for a header with another scheme.
pub(super) fn access_token(headers: &HeaderMap) -> Result<Option<String>, RequestRejection> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    bearer(header.to_str().unwrap_or_default()).map(Some)
}

/// Returns whether a WebSocket may be opened: by a page of this server's own origin or a listed one. Browsers send no
/// preflight before they open one, so any page could register and log in from its visitor's address. Clients other than
/// browsers send no origin.
pub(super) fn may_open_socket(headers: &HeaderMap, listed: &[String]) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let Some(origin) = text(ORIGIN) else { return true };
    if listed.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // A proxy may change the host, but not the `Sec-Fetch-Site` header of the browser.
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let host = text(HOST).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host))
}

/// Returns the token of a value in the form of the `Authorization` header.
///
/// # Errors
/// UNAUTHENTICATED for another scheme.
pub(super) fn bearer(value: &str) -> Result<String, RequestRejection> {
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim().to_owned());
    token.ok_or_else(|| RequestRejection::unauthenticated("Use `Authorization: Bearer <access token>`."))
}

/// Returns the viewer of a token; without one, the anonymous viewer. An invalid token rejects the request, since
/// continuing as anonymous would be confusing.
///
/// # Errors
/// UNAUTHENTICATED for an invalid token; UNAVAILABLE or INTERNAL if it cannot be checked.
pub(super) async fn viewer(app: &App, token: Option<&str>) -> Result<Viewer, RequestRejection> {
    let Some(token) = token else { return Ok(Viewer::Anonymous) };
    match session::authenticate(app, token).await {
        Ok(identity) => Ok(Viewer::User(identity)),
        Err(AuthError::Failed(error)) => {
            tracing::error!(?error, "GraphQL authentication failed");
            let status = match error.code {
                Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err(RequestRejection { code: error.code, ..RequestRejection::new(status, error.message) })
        }
        Err(invalid) => Err(RequestRejection::unauthenticated(&Error::from(invalid).message)),
    }
}
