//! The HTTP transport: GraphQL over HTTP, as in the specification of that name (draft of 2025).
//!
//! POST accepts `application/json` only, since a cross-client page could send other types without a preflight. GET
//! executes queries only. Responses are `application/graphql-response+json` for clients that accept it, with a status
//! that distinguishes a request that was not executed (400) from one that was (200); with `application/json` both are
//! 200. Clients that prefer events or upgrade to a WebSocket are served as at `/graphql/stream` and `/graphql/ws`.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response as HttpResponse};

use super::super::execution::answer::Answer;
use super::super::execution::operation::Operation;
use super::super::execution::request::{GraphqlRequest, RequestRejection};
use super::super::state::GraphqlState;
use super::accept::preferred;
use super::credential;
use super::request::{self, JSON};
use super::response::{ResponseFormat, reject, write};
use super::{sse, ws};
use crate::core::viewer::{ClientInfo, ClientIp};

const RESPONSE_JSON: &str = "application/graphql-response+json";
const HTML: &str = "text/html";
/// The media types of a response; the first is the default, for clients that accept any.
const MEDIA: [&str; 2] = [JSON, RESPONSE_JSON];

pub(super) async fn by_get(
    State(graphql): State<Arc<GraphqlState>>,
    RawQuery(query): RawQuery,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> HttpResponse {
    // Clients with a single URL use it for their WebSockets, too.
    if let Ok(upgrade) = upgrade {
        return ws::upgrade(State(graphql), address, headers, extensions, upgrade).await;
    }
    let wanted = preferred(&headers, &[JSON, RESPONSE_JSON, HTML, sse::EVENTS]);
    if wanted == Some(sse::EVENTS) {
        return sse::by_get(State(graphql), RawQuery(query), address, headers).await;
    }
    if wanted == Some(HTML)
        && query.as_deref().is_none_or(|query| !query.contains("query="))
        && graphql.app.config().graphql.graphiql
    {
        return Redirect::to("/graphiql").into_response();
    }
    // Without GraphiQL, clients that prefer HTML get the type that they prefer next.
    let media = if wanted == Some(HTML) { preferred(&headers, &MEDIA) } else { wanted };
    let client = request::client_info(&headers, address);
    let parsed = request::from_query(query.as_deref().unwrap_or_default());
    answer(&graphql, &headers, client, true, parsed, media).await
}

pub(super) async fn by_post(
    State(graphql): State<Arc<GraphqlState>>,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> HttpResponse {
    let media = preferred(&headers, &[JSON, RESPONSE_JSON, sse::EVENTS]);
    if media == Some(sse::EVENTS) {
        return sse::by_post(State(graphql), address, headers, body).await;
    }
    let client = request::client_info(&headers, address);
    let parsed = request::from_body(&graphql.app, &headers, body).await;
    answer(&graphql, &headers, client, false, parsed, media).await
}

async fn answer(
    graphql: &Arc<GraphqlState>,
    headers: &HeaderMap,
    client: ClientInfo,
    by_get: bool,
    parsed: Result<GraphqlRequest, RequestRejection>,
    media: Option<&str>,
) -> HttpResponse {
    let Some(media) = media.map(|media| if media == JSON { ResponseFormat::Json } else { ResponseFormat::Response })
    else {
        let message = format!("Responses are {RESPONSE_JSON} or {JSON}.");
        return reject(ResponseFormat::Json, RequestRejection::new(StatusCode::NOT_ACCEPTABLE, message));
    };
    match execute(graphql, headers, client, by_get, parsed).await {
        Ok(answer) => {
            let fine = answer.executed || media == ResponseFormat::Json;
            let status = if fine { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            write(media, status, answer)
        }
        Err(rejection) => reject(media, rejection),
    }
}

async fn execute(
    graphql: &Arc<GraphqlState>,
    headers: &HeaderMap,
    client: ClientInfo,
    by_get: bool,
    parsed: Result<GraphqlRequest, RequestRejection>,
) -> Result<Answer, RequestRejection> {
    let viewer = credential::viewer(&graphql.app, credential::access_token(headers)?.as_deref()).await?;
    let operation = Operation::read(graphql, parsed?).await?;
    match operation.kind {
        OperationType::Subscription => {
            let message = "Subscriptions are served at /graphql/ws and /graphql/stream.";
            Err(RequestRejection { well_formed: true, ..RequestRejection::new(StatusCode::BAD_REQUEST, message) })
        }
        OperationType::Mutation if by_get => {
            Err(RequestRejection::new(StatusCode::METHOD_NOT_ALLOWED, "GET is for queries. Use POST."))
        }
        _ => Ok(operation.execute(graphql, viewer, headers, Arc::new(client)).await),
    }
}
