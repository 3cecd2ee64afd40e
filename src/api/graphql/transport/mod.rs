//! The transports: HTTP, WebSocket and SSE. Each receives a request, authenticates its viewer, and sends the responses of
//! its operation. They must not look into documents.

mod accept;
pub(super) mod cookie;
mod credential;
mod http;
mod request;
mod response;
mod sse;
mod stream;
mod ws;

use axum::Router;
use axum::routing::get;

use super::state::GraphqlState;
use crate::app::App;

/// Returns the routes `/graphql`, and those of the two transports of subscriptions: `/graphql/ws` (WebSocket) and
/// `/graphql/stream` (SSE).
pub fn router(app: &App) -> Router {
    Router::new()
        .route("/graphql", get(http::by_get).post(http::by_post))
        .route("/graphql/stream", get(sse::by_get).post(sse::by_post))
        .route("/graphql/ws", get(ws::upgrade))
        .with_state(GraphqlState::new(app))
}
