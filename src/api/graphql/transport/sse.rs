//! The SSE transport (Server-Sent Events): the GraphQL over SSE protocol in its distinct connections mode, with one
//! operation for each connection.
//!
//! The stream of a client that reads too slowly ends with an error, which the client receives when it continues to
//! read. Nothing is buffered for it in the meantime.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response as HttpResponse};
use futures::StreamExt;
use futures::future::OptionFuture;
use futures::stream::{BoxStream, once};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::execution::answer::Answer;
use super::super::execution::operation::Operation;
use super::super::execution::request::{GraphqlRequest, RequestRejection};
use super::super::state::GraphqlState;
use super::accept::preferred;
use super::response::{ResponseFormat, reject};
use super::{credential, request, stream};
use crate::core::error::Code;
use crate::core::ids::UserId;
use crate::core::throttle::Permit;
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};

/// Maximum number of responses that are queued for the client, in addition to the buffers of the connection.
const MAX_QUEUED: usize = 4;
/// The media type of an event stream.
pub(super) const EVENTS: &str = "text/event-stream";
/// A heartbeat: a comment, which clients ignore.
const HEARTBEAT: &str = ":\n\n";

pub(super) async fn by_get(
    State(graphql): State<Arc<GraphqlState>>,
    RawQuery(query): RawQuery,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
) -> HttpResponse {
    let client = request::client_info(&headers, address);
    answer(graphql, &headers, client, true, request::from_query(query.as_deref().unwrap_or_default())).await
}

pub(super) async fn by_post(
    State(graphql): State<Arc<GraphqlState>>,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> HttpResponse {
    let parsed = request::from_body(&graphql.app, &headers, body).await;
    let client = request::client_info(&headers, address);
    answer(graphql, &headers, client, false, parsed).await
}

async fn answer(
    graphql: Arc<GraphqlState>,
    headers: &HeaderMap,
    client: ClientInfo,
    by_get: bool,
    parsed: Result<GraphqlRequest, RequestRejection>,
) -> HttpResponse {
    match begin(&graphql, headers, client, by_get, parsed).await {
        Ok((responses, token, viewer)) => {
            let user_id = viewer.require_authenticated().ok().map(|user| user.id);
            let permit = match user_id.map(|user_id| stream::stream_permit(&graphql.app, user_id)).transpose() {
                Ok(permit) => permit,
                Err(rejection) => return reject(ResponseFormat::Response, rejection),
            };
            let events = events(graphql, responses, token.zip(user_id), permit);
            // Proxies must not buffer events.
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
                (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
            ];
            (headers, Body::from_stream(events)).into_response()
        }
        // Clients of event streams do not expect the status 200 of `application/json`.
        Err(rejection) => reject(ResponseFormat::Response, rejection),
    }
}

/// The reason why a stream ended before its operation.
enum StreamEnd {
    /// The client read too slowly.
    Slow,
    /// The server is shutting down.
    Stopped,
}

type StartedStream = (BoxStream<'static, Answer>, Option<String>, Viewer);

async fn begin(
    graphql: &Arc<GraphqlState>,
    headers: &HeaderMap,
    client: ClientInfo,
    by_get: bool,
    parsed: Result<GraphqlRequest, RequestRejection>,
) -> Result<StartedStream, RequestRejection> {
    if preferred(headers, &[EVENTS]).is_none() {
        return Err(RequestRejection::new(StatusCode::NOT_ACCEPTABLE, "Responses are text/event-stream."));
    }
    let token = credential::access_token(headers)?;
    let viewer = credential::viewer(&graphql.app, token.as_deref()).await?;
    let responses = match Operation::read(graphql, parsed?).await {
        Ok(operation) if by_get && operation.kind == OperationType::Mutation => {
            return Err(RequestRejection::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET is for queries and subscriptions. Use POST.",
            ));
        }
        Ok(operation) => operation.stream(graphql, viewer, Arc::new(client)),
        // The protocol requires errors of the document to be sent as an event.
        Err(rejection) if rejection.well_formed => once(async move { Answer::rejected(&rejection) }).boxed(),
        Err(rejection) => return Err(rejection),
    };
    Ok((responses, token, viewer))
}

/// Returns the events: `next` for each response, then `complete`.
fn events(
    graphql: Arc<GraphqlState>,
    mut responses: BoxStream<'static, Answer>,
    credential: Option<(String, UserId)>,
    permit: Option<Permit<UserId>>,
) -> impl futures::Stream<Item = Result<String, Infallible>> + Send {
    let (sender, mut receiver) = mpsc::channel(MAX_QUEUED);
    let end = Arc::new(OnceLock::new());
    let (app, reason, heartbeat) = (graphql.app.clone(), end.clone(), graphql.app.config().graphql.heartbeat);
    graphql.app.streams.spawn(async move {
        let _permit = permit;
        let mut session = credential.map(|(token, user_id)| stream::watch_session(&app, token, user_id));
        let stopped = stream::server_stopped(app.clone());
        tokio::pin!(stopped);
        loop {
            let response = tokio::select! {
                response = responses.next() => response,
                Some(Ok(error)) = OptionFuture::from(session.as_mut()) => {
                    let sent = sender.send(Answer::error(error.code, &error.message));
                    if timeout(app.config().graphql.write_timeout, sent).await.is_err() {
                        // Without this the client would take the stream for complete.
                        reason.set(StreamEnd::Slow).ok();
                    }
                    return;
                }
                () = &mut stopped => {
                    reason.set(StreamEnd::Stopped).ok();
                    return;
                }
                () = sender.closed() => return,
            };
            let Some(response) = response else { return };
            if timeout(app.config().graphql.write_timeout, sender.send(response)).await.is_err() {
                tracing::info!("SSE stream ended: client reads too slowly");
                reason.set(StreamEnd::Slow).ok();
                return;
            }
        }
    });
    async_stream::stream! {
        // Some browsers report the connection as open only after the first bytes.
        yield Ok(HEARTBEAT.to_owned());
        loop {
            match timeout(heartbeat, receiver.recv()).await {
                Ok(Some(response)) => yield Ok(next_event(&response)),
                Ok(None) => break,
                Err(_) => yield Ok(HEARTBEAT.to_owned()),
            }
        }
        match end.get() {
            // Without the final event clients reconnect.
            Some(StreamEnd::Stopped) => return,
            Some(StreamEnd::Slow) => {
                let message = "The client reads too slowly. Subscribe again; `after` resumes a reply.";
                yield Ok(next_event(&Answer::error(Code::Timeout, message)));
            }
            None => {}
        }
        // Browsers ignore events without data.
        yield Ok("event: complete\ndata: \n\n".to_owned());
    }
}

fn next_event(answer: &Answer) -> String {
    // The serialized JSON has no line breaks.
    format!("event: next\ndata: {}\n\n", answer.document())
}
