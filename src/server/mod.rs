//! The server: one router over all transports, the middleware of every request, the listener, and graceful shutdown.

mod body_timeout;
mod client_address;
pub mod control;
mod headers;
mod listener;
pub mod metrics;
mod run;
mod tls;
mod write_timeout;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::classify::ServerErrorsFailureClass;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};

pub use self::listener::{bind, serve};
pub use self::run::run;
pub use self::tls::Certificate;
use crate::api::{graphql, openai, rest, web};
use crate::app::App;
use crate::core::random::Random;
use crate::core::trace_context;
use crate::domain::{catalog, membership};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that a client may choose, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// A bound listening socket.
pub struct BoundListener {
    /// The socket.
    pub socket: TcpListener,
    /// The certificate, if TLS is terminated here.
    pub certificate: Option<Certificate>,
}

/// Returns the router of all transports, with the middleware of every request, outermost first.
pub fn router(app: &App) -> Router {
    let middleware = ServiceBuilder::new()
        // A request id of the client is kept, so that a request can be traced through several services, but only if it
        // is short, since every line of the log carries it.
        .layer(MapRequestLayer::new(without_long_id))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeId(app.random.clone())))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(Level::DEBUG))
                .on_failure(log_failure),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(headers::defaults(&app.config().http))
        .option_layer(headers::cors(&app.config().http))
        .layer(CatchPanicLayer::custom(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()));
    let counted = axum::middleware::from_fn_with_state(app.clone(), metrics::count);
    // Each transport reports a body that is too large in its own format.
    let (own, max_body_bytes) = (app.clone(), app.config().http.max_body_bytes);
    let bounded =
        MapRequestLayer::new(move |request: Request<Body>| body_timeout::bounded(&own, max_body_bytes, request));
    let usual = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(app.clone())
        .merge(graphql::router(app))
        .merge(rest::router().with_state(app.clone()))
        .merge(web::router())
        .layer(bounded);
    // These routes count large bodies for their users, and receive them themselves.
    let with_pictures = openai::router().with_state(app.clone());
    usual.merge(with_pictures).layer(axum::extract::DefaultBodyLimit::disable()).layer(middleware).layer(counted)
}

/// Reports readiness: the database responds, and no shutdown has begun. Further lines name what is degraded while the
/// server still works.
async fn ready(State(app): State<App>) -> Response {
    let database = timeout(Duration::from_secs(2), app.db.ping()).await;
    match database {
        Ok(Ok(())) if !app.tasks.is_closed() => format!(
            "ready\n{}{}{}",
            membership::readiness_notes(&app),
            catalog::readiness_notes(&app),
            upstream_notes(&app)
        )
        .into_response(),
        Ok(Ok(())) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database is unavailable\n").into_response(),
    }
}

/// Returns a line for each model with upstreams in cool-down. This server stays ready: another one would call the same
/// upstreams.
fn upstream_notes(app: &App) -> String {
    let models = app.models();
    let resting = models.iter().map(|model| (&model.name, model.provider.resting()));
    resting
        .filter(|(_, upstreams)| upstreams.contains(&true))
        .map(|(model, upstreams)| {
            let rest = upstreams.iter().filter(|rests| **rests).count();
            format!("model {model}: {rest} of {} upstreams cool down after repeated failures\n", upstreams.len())
        })
        .collect()
}

/// Returns the span of a request: its lines in the log carry the id that the response carries. The query string is
/// omitted, since it may hold user content.
fn span<B>(request: &Request<B>) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    trace_context::join(&span, request.headers());
    span
}

/// Logs a server error. Overload and unavailability have been logged or counted by their cause: a line for each
/// response would let clients fill the log.
fn log_failure(failure: ServerErrorsFailureClass, latency: Duration, _: &Span) {
    match failure {
        ServerErrorsFailureClass::StatusCode(StatusCode::SERVICE_UNAVAILABLE) => {
            tracing::debug!(?latency, "response failed: unavailable");
        }
        failure => tracing::error!(%failure, ?latency, "response failed"),
    }
}

fn without_long_id(mut request: Request<Body>) -> Request<Body> {
    if request.headers().get(REQUEST_ID).is_some_and(|id| id.len() > MAX_REQUEST_ID_BYTES) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

#[derive(Clone)]
struct MakeId(Random);

impl MakeRequestId for MakeId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&self.0.hex128()).ok().map(RequestId::new)
    }
}
