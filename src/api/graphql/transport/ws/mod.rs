//! The WebSocket transport: the `graphql-transport-ws` sub-protocol, with its close codes.
//!
//! One task reads from a socket and writes to it, one message at a time. Each operation has a task of its own, which
//! waits until its last response was taken: a slow client makes no queue grow, and no operation waits for the client
//! while it holds a database connection. A client that does not read for too long is disconnected. Each operation runs
//! with the viewer that the socket's access token authenticates at that moment; the socket is closed when the token or
//! its session ends.

mod connection;
mod operations;
mod protocol;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;

use self::connection::Connection;
use self::protocol::{CloseReason, PROTOCOL, SUBPROTOCOL_NOT_ACCEPTABLE};
use super::super::execution::request::RequestRejection;
use super::super::state::GraphqlState;
use super::response::{ResponseFormat, reject};
use super::{credential, request};
use crate::core::error::Code;
use crate::core::viewer::ClientIp;

/// Size of the read buffer, in bytes. The default is 32 times as large, for each socket, even an idle one.
const READ_BUFFER: usize = 4096;

/// Handles `/graphql/ws`: upgrades the connection and serves the protocol.
pub(super) async fn upgrade(
    State(graphql): State<Arc<GraphqlState>>,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> HttpResponse {
    if !credential::may_open_socket(&headers, &graphql.app.config().http.cors_origins) {
        let message = "This origin is not allowed: it is not listed in http.cors_origins.";
        let rejection =
            RequestRejection { code: Code::Forbidden, ..RequestRejection::new(StatusCode::FORBIDDEN, message) };
        return reject(ResponseFormat::Response, rejection);
    }
    let token = match credential::access_token(&headers) {
        Ok(token) => token,
        Err(rejection) => return reject(ResponseFormat::Response, rejection),
    };
    let client = request::client_info(&headers, address);
    let Ok(permit) = graphql.app.sockets.take(client.address) else {
        let message = "Too many WebSocket connections from your address.";
        let rejection = RequestRejection {
            code: Code::RateLimited,
            ..RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, message)
        };
        return reject(ResponseFormat::Response, rejection);
    };
    let config = &graphql.app.config();
    // The maximum holds for a message and for each of its frames.
    let max = config.graphql.max_socket_message_bytes.min(config.http.max_body_bytes);
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(max).max_frame_size(max);
    let acceptable = upgrade.selected_protocol().is_some();
    let mut response = upgrade.read_buffer_size(READ_BUFFER).write_buffer_size(0).on_upgrade(move |socket| {
        let streams = graphql.app.streams.clone();
        streams.track_future(async move {
            let _permit = permit;
            let mut connection = Connection::new(graphql, socket, token, Arc::new(client));
            let closed = if acceptable {
                connection.serve().await
            } else {
                CloseReason::because(SUBPROTOCOL_NOT_ACCEPTABLE, format!("Subprotocol not acceptable; use {PROTOCOL}"))
            };
            connection.close(closed).await;
        })
    });
    // The extensions carry the client's spelling of header names: some clients expect the same case in the response.
    response.extensions_mut().extend(extensions);
    response
}
