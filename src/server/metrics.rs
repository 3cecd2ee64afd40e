//! The listener of `[metrics]`, and the count of every request.

mod gauges;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::gauges::{gathered, process};
use super::BoundListener;
use crate::app::App;
use crate::core::error::Code;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` until it is dropped, at the end of a shutdown. Connections have the limits and timeouts of
/// `http.listen`.
pub async fn serve(app: App, socket: TcpListener) {
    let listener = BoundListener { socket, certificate: None };
    super::serve(&app, listener, router(app.clone()), CancellationToken::new()).await;
}

/// Returns the router of `/metrics`.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(page)).with_state(app)
}

async fn page(State(app): State<App>) -> Response {
    match app.metrics.page(&[gathered(&app), process()]) {
        Ok(page) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics encoding failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts a request by its route, never by its path, which clients choose freely. Also counts its error code, if the
/// responses of its transport carry one: those of GraphQL do not, and GraphQL counts its own errors.
pub(super) async fn count(State(app): State<App>, request: Request<Body>, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(other)", MatchedPath::as_str);
    let (method, transport) = (name(request.method()), transport(request.uri().path()));
    // A client that disconnects before the response begins is not counted.
    let response = next.run(request).await;
    app.metrics.request(route, method, response.status().as_u16(), began.elapsed());
    if let Some(transport) = transport {
        let reported = response.extensions().get::<Code>().copied();
        let by_status = || if transport == "graphql" { None } else { code(response.status()) };
        if let Some(code) = reported.or_else(by_status) {
            app.metrics.error(transport, code.as_str());
        }
    }
    response
}

/// Returns the label of a method; clients may invent others than these.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "(other)",
    }
}

fn transport(path: &str) -> Option<&'static str> {
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "graphql" => Some("graphql"),
        "api" => Some("rest"),
        "v1" => Some("openai"),
        _ => None,
    }
}

/// Returns the error code of a status that a transport chose itself; `None` for a status that is no error.
fn code(status: StatusCode) -> Option<Code> {
    Some(match status.as_u16() {
        401 => Code::Unauthenticated,
        402 => Code::InsufficientTokens,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        408 => Code::RequestTimeout,
        409 => Code::Conflict,
        413 => Code::PayloadTooLarge,
        429 => Code::RateLimited,
        400..500 => Code::InvalidInput,
        502 | 503 => Code::ProviderUnavailable,
        504 => Code::Timeout,
        500.. => Code::Internal,
        _ => return None,
    })
}
