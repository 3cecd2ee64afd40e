//! The outcome of a call: its errors, and the headers with its chat, its cost and the balance.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::core::error::{Code, Error};
use crate::domain::chat::{self, FinishedChat};
use crate::domain::ledger::Balance;
use crate::infra::entity;

/// Header with the id of the chat.
const CHAT: HeaderName = HeaderName::from_static("x-jeton-chat-id");
/// Header with the hold, the maximum cost: for streams, whose cost is not known when they begin.
pub(super) const HOLD: HeaderName = HeaderName::from_static("x-jeton-hold");
/// Header with the cost, in prepaid tokens.
pub(super) const COST: HeaderName = HeaderName::from_static("x-jeton-cost");
/// Header with the spendable balance, in prepaid tokens.
const REMAINING: HeaderName = HeaderName::from_static("x-jeton-tokens-remaining");

/// Returns the response of an upstream that rejected the call.
pub(super) fn upstream_rejection((status, body): (u16, Bytes)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Returns the error of a failed chat; `None` if it did not fail.
pub(super) fn failure(ended: &FinishedChat) -> Option<ApiError> {
    let failure = ended.failure()?;
    // The stored code is more specific than the one of other transports.
    Some(match ended.chat.error_code {
        Some(Code::InvalidInput) => Error::new(Code::InvalidInput, failure.message).into(),
        Some(Code::Internal) => ApiError::upstream(failure.message),
        _ => failure.into(),
    })
}

/// Returns the error of a reply that was truncated by a limit of this server, and charged.
pub(super) fn at_limit(ended: &FinishedChat) -> Option<ApiError> {
    Some(ApiError::at_limit(&chat::limit(&ended.chat)?.message))
}

/// Sets the headers with the chat and the balance.
pub(super) fn set_headers(headers: &mut HeaderMap, chat: &entity::chat::Model, balance: Balance) {
    set_number(headers, CHAT, chat.id.0);
    set_number(headers, REMAINING, balance.tokens.0);
}

/// Sets a header with a number.
pub(super) fn set_number(headers: &mut HeaderMap, name: HeaderName, value: i64) {
    headers.insert(name, value.into());
}
