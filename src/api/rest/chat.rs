//! Sending messages, and the history. Translates only: metering and access are in the domain.

use axum::extract::Request;
use axum::http::header::LINK;
use axum::http::{HeaderValue, StatusCode};
use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use serde::{Serialize, Serializer};
use serde_json::Map;
use utoipa::ToSchema;

use super::body::FormFields;
use super::error::{ApiError, add};
use super::{ApiResult, json};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::core::pagination::PageRequest;
use crate::core::tokens::Tokens;
use crate::core::viewer::Viewer;
use crate::domain::chat::{self, SendMessage};
use crate::infra::entity;

/// Maximum length of a message on this route, in characters: part of its contract, whatever the other APIs accept.
const MAX_MESSAGE_CHARS: usize = 1000;
/// Maximum and default of the parameter `limit`.
const MAX_LIMIT: u64 = 1000;
/// The number of chats read in one round trip.
const BATCH: u64 = 100;
/// Size of the texts of one answer after which no further batch is read, in bytes: messages of the other APIs may be
/// long.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// A message to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body; `FormFields` parses it, since it reports every field error")]
pub(super) struct Message {
    /// The message, not counting surrounding white space. The server may be configured to accept less.
    #[schema(min_length = 1, max_length = 1000)]
    message: String,
}

/// A message with its reply.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatResponse {
    message: String,
    response: String,
    /// The remaining balance, including tokens held for other open chats.
    #[schema(value_type = i64)]
    tokens_remaining: Tokens,
}

/// Send a message and wait for the reply.
///
/// With the header `Idempotency-Key`, a retry with the same key returns the first reply, which is charged once.
#[utoipa::path(post, path = "/api/chat/", tag = "chat", security(("access_token" = [])), request_body = Message,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
        description = "Visible ASCII characters, unique for each message. The example is a variable of API clients, \
            which replace it with a new UUID for each request; the literal text is rejected.",
        example = "{{$guid}}")),
    responses(
    (status = 200, description = "The reply.", body = ChatResponse),
    (status = 400, description = "Field errors, or malformed JSON.", body = super::schemas::FieldErrors),
    (status = 401, description = "The access token is missing or invalid.", body = super::schemas::Detail),
    (status = 402, description = "Insufficient tokens. Nothing is charged.", body = super::schemas::Failure),
    (status = 409, description = "The idempotency key was used for another message.", body = super::schemas::Detail),
    (status = 415, description = "The media type is not supported.", body = super::schemas::Detail),
    (status = 429, description = "Too many messages or open chats.", body = super::schemas::Detail),
    (status = 502, description = "The model failed.", body = super::schemas::Failure),
))]
pub(super) async fn send(app: &App, viewer: Viewer, request: Request) -> ApiResult {
    let keys: Vec<_> = request.headers().get_all("idempotency-key").iter().collect();
    if keys.iter().any(|key| Some(key) != keys.first()) {
        return Err(Error::field("idempotency_key", "The Idempotency-Key headers have different values.").into());
    }
    let key = keys.first().map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let mut fields = FormFields::read(app, request).await?;
    let message = fields.text("message", MAX_MESSAGE_CHARS.min(app.config().turns.max_message_chars));
    fields.check()?;
    let ended = chat::send(
        app,
        viewer.require_write()?,
        SendMessage { message, idempotency_key: key, ..SendMessage::default() },
    )
    .await?;
    if let Some(failure) = ended.failure() {
        return Err(failure.into());
    }
    let answered = ChatResponse {
        message: ended.chat.message,
        response: ended.chat.response,
        // Includes held tokens, so that the responses of concurrent messages show different balances.
        tokens_remaining: ended.balance.total(),
    };
    Ok(json(StatusCode::OK, &answered))
}

/// A chat of the history.
#[derive(Serialize, ToSchema)]
pub(super) struct Chat {
    #[schema(value_type = i64)]
    id: ChatId,
    message: String,
    response: String,
    #[serde(serialize_with = "timestamp")]
    timestamp: DateTime<Utc>,
}

impl From<entity::chat::Model> for Chat {
    fn from(chat: entity::chat::Model) -> Self {
        Self { id: chat.id, message: chat.message, response: chat.response, timestamp: chat.created_at }
    }
}

/// Writes a time in microseconds, or in seconds if the fraction is zero, as the Django application did.
fn timestamp<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let format = if at.nanosecond() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    serializer.serialize_str(&at.to_rfc3339_opts(format, true))
}

/// List your completed chats, newest first. Fewer than `limit` if their texts are long.
#[utoipa::path(get, path = "/api/chat/", tag = "chat", security(("access_token" = [])),
    params(
        ("limit" = Option<u64>, Query, description = "Maximum number of chats.", minimum = 1, maximum = 1000),
        ("before" = Option<i64>, Query, description = "Returns only chats with smaller ids."),
    ),
    responses(
    (status = 200, description = "The chats. If there are more, the header `Link` has the next page.", body = [Chat]),
    (status = 400, description = "A parameter is invalid.", body = super::schemas::FieldErrors),
    (status = 401, description = "The access token is missing or invalid.", body = super::schemas::Detail),
))]
pub(super) async fn list(app: &App, viewer: Viewer, query: Option<&str>) -> ApiResult {
    let (limit, mut before) = window(query.unwrap_or_default())?;
    let (mut chats, mut bytes, mut has_next) = (Vec::new(), 0, true);
    while has_next && bytes < MAX_TEXT_BYTES && (chats.len() as u64) < limit {
        let size = BATCH.min(limit - chats.len() as u64);
        let page = chat::answered(app, viewer.require_read()?, PageRequest::newest(size, before)).await?;
        before = page.rows.last().map(|chat| chat.id.0);
        has_next = page.has_next;
        bytes += page.rows.iter().map(|chat| chat.message.len() + chat.response.len()).sum::<usize>();
        chats.extend(page.rows.into_iter().map(Chat::from));
    }
    let mut response = json(StatusCode::OK, &chats);
    if let (true, Some(last)) = (has_next, before) {
        let link = format!("</api/chat/?limit={limit}&before={last}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    Ok(response)
}

fn window(query: &str) -> Result<(u64, Option<i64>), ApiError> {
    let (mut limit, mut before, mut errors) = (MAX_LIMIT, None, Map::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "limit" => match value.parse() {
                Ok(number) if (1..=MAX_LIMIT).contains(&number) => limit = number,
                _ => add(&mut errors, "limit", &format!("Between 1 and {MAX_LIMIT}.")),
            },
            "before" => match value.parse() {
                Ok(id) => before = Some(id),
                Err(_) => add(&mut errors, "before", "The id of a chat."),
            },
            _ => {}
        }
    }
    if errors.is_empty() { Ok((limit, before)) } else { Err(ApiError::Fields(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_the_history_is_bounded() {
        assert_eq!(window("").ok(), Some((1000, None)));
        assert_eq!(window("limit=2&before=9&format=json").ok(), Some((2, Some(9))));
        for bad in ["limit=0", "limit=1001", "limit=x", "before=", "limit=-1", "before=99999999999999999999"] {
            assert!(window(bad).is_err(), "{bad}");
        }
    }
}
