//! `POST /v1/chat/completions`: metered like every message, and streamed while it is generated. Opening, holds and
//! settlement are in the domain.

use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{self, CompletionRequest};
use super::response;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::{Caller, ClientIp};
use crate::domain::chat::{self, Admission, ApiCallHandle, FinishedChat};
use crate::domain::ledger::Balance;
use crate::infra::ai::Event;
use crate::infra::entity::{self, chat::Status};
use crate::infra::request_body::{Limits, Owner};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Header with the id of the chat.
const CHAT: HeaderName = HeaderName::from_static("x-jeton-chat-id");
/// Header with the hold, the maximum cost: for streams, whose cost is not known when they begin.
const HOLD: HeaderName = HeaderName::from_static("x-jeton-hold");
/// Header with the cost, in prepaid tokens.
const COST: HeaderName = HeaderName::from_static("x-jeton-cost");
/// Header with the spendable balance, in prepaid tokens.
const REMAINING: HeaderName = HeaderName::from_static("x-jeton-tokens-remaining");

pub(super) async fn create(app: &App, caller: Caller, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let is_json = |value: &HeaderValue| value.to_str().is_ok_and(is_json_type);
    // A cross-origin page could send other content types without a preflight.
    if !parts.headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return Err(ApiError::media_type());
    }
    let idempotency_key = idempotency_key(&parts.headers)?;
    let (body, admission) = receive(app, caller, body, parts.extensions.get().copied()).await?;
    let (own, bytes) = (app.clone(), body.len());
    let read = move || request::read(&own, body, idempotency_key, admission);
    let CompletionRequest { call, stream, show_usage } = app.bodies.work(bytes, read).await??;
    let limit = call.max_output;
    let name = call.model.clone();
    let called = match chat::call(app, caller, call).await {
        // A model that the key may not use is reported like one that does not exist.
        Err(error) if error.fields.first().is_some_and(|field| field.field == "model") => {
            return Err(ApiError::no_model(&name));
        }
        called => called?,
    };
    if stream { streamed(app, called, limit, show_usage).await } else { whole(app, called, limit).await }
}

/// Returns whether a content type is that of JSON, ignoring case and parameters.
fn is_json_type(value: &str) -> bool {
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Receives the body of a call. A large one counts toward the rate of messages before it is read.
async fn receive(
    app: &App,
    caller: Caller,
    body: Body,
    address: Option<ClientIp>,
) -> Result<(Bytes, Option<Admission>), Error> {
    let limits = Limits { bytes: app.config.v1.max_body_bytes, owner: Owner::User(caller.id), address };
    let admission = match app.bodies.is_large(&body, limits)? {
        true => Some(chat::admit(app, caller).await?),
        false => None,
    };
    Ok((app.bodies.read(&app.metrics, body, limits).await?, admission))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    if headers.get_all(IDEMPOTENCY_KEY).iter().any(|other| other != value) {
        return Err(ApiError::param("Idempotency-Key", "The headers have different values."));
    }
    let key = value.to_str().map_err(|_| ApiError::param("Idempotency-Key", "Visible ASCII characters only."))?;
    Ok(Some(key.to_owned()))
}

/// Waits for the end of the reply and returns a non-streaming response.
async fn whole(app: &App, called: ApiCallHandle, limit: Option<u64>) -> Result<Response, ApiError> {
    let ApiCallHandle { mut events, end, .. } = called;
    let (mut text, mut raw, mut refused) = (String::new(), None, None);
    while let Some(event) = events.next().await {
        match event {
            Event::Chunk(piece) => text.push_str(&piece),
            Event::RawChunk { bytes, .. } => raw = Some(bytes),
            Event::Rejected { status, body } => refused = Some((status, body)),
            Event::Accepted | Event::Usage(_) | Event::Beside { .. } | Event::Done(_) => {}
        }
    }
    let ended = end.await?;
    if let Some(refused) = refused {
        return Ok(as_refused(refused));
    }
    if let Some(failure) = failure(&ended).or_else(|| at_limit(&ended)) {
        return Err(failure);
    }
    let body = match raw {
        Some(bytes) => bytes,
        None if text.is_empty() && ended.chat.status != Status::Done => return Err(ApiError::stopped()),
        None => response::completion(&ended.chat, finish_reason(app, &ended.chat, limit), &text).to_string().into(),
    };
    let mut response = ([(CONTENT_TYPE, "application/json")], Body::from(body)).into_response();
    tell(response.headers_mut(), &ended.chat, ended.balance);
    number(response.headers_mut(), COST, ended.chat.cost.0);
    Ok(response)
}

/// Returns a streaming response. A failure before the first chunk is a normal error response.
async fn streamed(
    app: &App,
    called: ApiCallHandle,
    limit: Option<u64>,
    show_usage: bool,
) -> Result<Response, ApiError> {
    let ApiCallHandle { chat, balance, mut events, end } = called;
    let (first, end) = match events.next().await {
        Some(Event::Rejected { status, body }) => {
            end.await?;
            return Ok(as_refused((status, body)));
        }
        Some(first) => (first, end),
        None => {
            let ended = end.await?;
            match failure(&ended) {
                // The reply is complete and empty, such as one that begins with a stop sequence.
                None if ended.chat.status == Status::Done => {
                    (Event::Chunk(String::new()), std::future::ready(Ok(ended)).boxed())
                }
                failure => return Err(failure.unwrap_or_else(ApiError::stopped)),
            }
        }
    };
    let (app, row) = (app.clone(), chat.clone());
    let body = stream! {
        let in_our_words = matches!(first, Event::Chunk(_));
        let mut told = std::pin::pin!(if in_our_words {
            in_parts(row.clone(), first, events, show_usage).boxed()
        } else {
            as_they_came(first, events).boxed()
        });
        let mut last = None;
        while let Some(bytes) = told.next().await {
            if is_end(&bytes) {
                last = Some(bytes);
            } else {
                yield Ok::<_, std::convert::Infallible>(bytes);
            }
        }
        // The end of the stream is sent once the cost is stored: a server that crashes before must not leave a reply
        // that looks complete and is free.
        match end.await {
            Ok(ended) => {
                if let Some(failure) = failure(&ended).or_else(|| at_limit(&ended)) {
                    yield Ok(data(&failure.body()));
                } else if in_our_words {
                    let FinishedChat { chat, .. } = ended;
                    let reason = finish_reason(&app, &chat, limit);
                    yield Ok(data(&response::part(&chat, &json!({}), Some(reason), show_usage)));
                    if show_usage {
                        yield Ok(data(&response::usage_part(&chat)));
                    }
                    yield Ok(Bytes::from_static(b"data: [DONE]\n\n"));
                } else if let Some(last) = last {
                    yield Ok(last);
                } else if ended.chat.status == Status::Stopped {
                    // Most clients take the end of a stream for a complete reply.
                    yield Ok(data(&ApiError::stopped().body()));
                }
            }
            Err(error) => yield Ok(data(&ApiError::from(error).body())),
        }
    };
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    let mut response = (headers, Body::from_stream(body)).into_response();
    tell(response.headers_mut(), &chat, balance);
    number(response.headers_mut(), HOLD, chat.hold.0);
    // Proxies that buffer responses would delay the chunks.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Returns the response of an upstream that rejected the call.
fn as_refused((status, body): (u16, Bytes)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Returns the events of a response that is passed through.
fn as_they_came(first: Event, events: BoxStream<'static, Event>) -> impl Stream<Item = Bytes> + Send {
    let events = futures::stream::once(std::future::ready(first)).chain(events);
    events.filter_map(async |event| match event {
        Event::RawChunk { bytes, .. } => Some(bytes),
        _ => None,
    })
}

/// Returns whether an event of an upstream is the `[DONE]` that clients take for the end of a reply.
fn is_end(event: &[u8]) -> bool {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter_map(|line| line.strip_prefix(b"data:")).any(|data| data.trim_ascii() == b"[DONE]")
}

/// Returns the chunks of a reply in our own format.
fn in_parts(
    chat: entity::chat::Model,
    first: Event,
    mut events: BoxStream<'static, Event>,
    show_usage: bool,
) -> impl Stream<Item = Bytes> + Send {
    stream! {
        yield data(&response::part(&chat, &json!({ "role": "assistant", "content": "" }), None, show_usage));
        let mut next = Some(first);
        while let Some(event) = next {
            if let Event::Chunk(piece) = event {
                yield data(&response::part(&chat, &json!({ "content": piece }), None, show_usage));
            }
            next = events.next().await;
        }
    }
}

/// Returns the finish reason: the output limit of the caller or the model, or the end of the reply.
fn finish_reason(app: &App, chat: &entity::chat::Model, limit: Option<u64>) -> &'static str {
    let most = app.models.get(Some(&chat.model)).map_or(u64::MAX, |model| model.max_output);
    response::finish_reason(chat, limit.map_or(most, |limit| limit.min(most)))
}

/// Returns the error of a failed chat; `None` if it did not fail.
fn failure(ended: &FinishedChat) -> Option<ApiError> {
    let failure = ended.failure()?;
    // The stored code is more specific than the one of other transports.
    Some(match ended.chat.error_code {
        Some(Code::InvalidInput) => Error::new(Code::InvalidInput, failure.message).into(),
        Some(Code::Internal) => ApiError::upstream(failure.message),
        _ => failure.into(),
    })
}

/// Returns the error of a reply that was truncated by a limit of this server, and charged.
fn at_limit(ended: &FinishedChat) -> Option<ApiError> {
    Some(ApiError::at_limit(&chat::limit(&ended.chat)?.message))
}

fn tell(headers: &mut HeaderMap, chat: &entity::chat::Model, balance: Balance) {
    number(headers, CHAT, chat.id);
    number(headers, REMAINING, balance.tokens.0);
}

fn number(headers: &mut HeaderMap, name: HeaderName, value: i64) {
    headers.insert(name, value.into());
}

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}
