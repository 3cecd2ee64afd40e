//! From the `Authorization` header to the viewer, as these clients know it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};

use super::error::Refusal;
use crate::app::App;
use crate::core::jwt;
use crate::core::viewer::Viewer;
use crate::domain::session::{self, Denied};

/// Who is asking. These routes want to know; nobody in particular is refused.
pub(super) async fn viewer(app: &App, headers: &HeaderMap) -> Result<Viewer, Refusal> {
    let length = headers.get(AUTHORIZATION).map_or(0, HeaderValue::len);
    if length > jwt::MAX_BYTES {
        return Err(Refusal::Denied(Denied::Invalid));
    }
    // Bytes beyond ASCII are read as Latin-1, as the original did; no good token has any.
    let header: String = match headers.get(AUTHORIZATION) {
        Some(value) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
        None => return Err(Refusal::NoCredentials),
    };
    let mut parts = header.split_whitespace();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(scheme), token, more) if scheme.eq_ignore_ascii_case("bearer") => {
            let (Some(token), None) = (token, more) else { return Err(Refusal::BadHeader) };
            match session::authenticate(app, token).await? {
                Ok(identity) => Ok(Viewer::User(identity)),
                Err(denied) => Err(Refusal::Denied(denied)),
            }
        }
        _ => Err(Refusal::NoCredentials),
    }
}
