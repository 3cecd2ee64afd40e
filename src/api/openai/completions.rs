//! `POST /v1/chat/completions`: metered like every message. Opening, holds and settlement are in the domain.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::error::ApiError;
use super::outcome::{COST, at_limit, failure, set_headers, set_number, upstream_rejection};
use super::request::{self, CompletionRequest};
use super::response;
use super::streaming::streamed;
use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::{Caller, ClientIp};
use crate::domain::chat::{self, Admission, ApiCallHandle};
use crate::infra::ai::Event;
use crate::infra::entity::chat::Status;
use crate::infra::request_body::{BodyOwner, Limits};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

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
    let name = call.model.clone();
    let called = match chat::call(app, caller, call).await {
        // A model that the key may not use is reported like one that does not exist.
        Err(error) if error.fields.first().is_some_and(|field| field.field == "model") => {
            return Err(ApiError::no_model(&name));
        }
        called => called?,
    };
    if stream { streamed(called, show_usage).await } else { whole(called).await }
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
    let limits = Limits { bytes: app.config().v1.max_body_bytes, owner: BodyOwner::User(caller.id), address };
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
async fn whole(called: ApiCallHandle) -> Result<Response, ApiError> {
    let ApiCallHandle { mut events, end, .. } = called;
    let (mut text, mut reasoning, mut raw, mut rejected) = (String::new(), String::new(), None, None);
    while let Some(event) = events.next().await {
        match event {
            Event::Chunk(piece) => text.push_str(&piece),
            Event::RawChunk { bytes, .. } => raw = Some(bytes),
            Event::Rejected { status, body } => rejected = Some((status, body)),
            Event::Reasoning { text, .. } => reasoning.push_str(&text),
            Event::Accepted
            | Event::KeepAlive
            | Event::Usage(_)
            | Event::Finish(_)
            | Event::Other(_)
            | Event::ReasoningBlock(_)
            | Event::ReasoningIsAnswer(_)
            | Event::Done(_) => {}
        }
    }
    let ended = end.await?;
    if let Some(rejected) = rejected {
        return Ok(upstream_rejection(rejected));
    }
    if let Some(failure) = failure(&ended).or_else(|| at_limit(&ended)) {
        return Err(failure);
    }
    let body = match raw {
        Some(bytes) => bytes,
        None if text.is_empty() && ended.chat.status != Status::Done => return Err(ApiError::stopped()),
        None => response::completion(&ended.chat, &text, &reasoning).to_string().into(),
    };
    let mut response = ([(CONTENT_TYPE, "application/json")], Body::from(body)).into_response();
    set_headers(response.headers_mut(), &ended.chat, ended.balance);
    set_number(response.headers_mut(), COST, ended.chat.cost.0);
    Ok(response)
}
