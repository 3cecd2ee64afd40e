//! The `graphql-transport-ws` sub-protocol: the messages of clients, and the reasons to close a socket.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::super::execution::request::GraphqlRequest;

pub(super) const PROTOCOL: &str = "graphql-transport-ws";

// The close codes of the protocol, and those of RFC 6455 and the IANA registry that its clients handle.
pub(super) const BAD_REQUEST: u16 = 4400;
pub(super) const UNAUTHORIZED: u16 = 4401;
/// Clients reconnect with another credential.
pub(super) const FORBIDDEN: u16 = 4403;
pub(super) const SUBPROTOCOL_NOT_ACCEPTABLE: u16 = 4406;
pub(super) const INITIALISATION_TIMEOUT: u16 = 4408;
pub(super) const SUBSCRIBER_EXISTS: u16 = 4409;
pub(super) const TOO_MANY_INITIALISATIONS: u16 = 4429;
pub(super) const INTERNAL: u16 = 4500;
const MESSAGE_TOO_BIG: u16 = 1009;
/// Clients reconnect.
pub(super) const SERVICE_RESTART: u16 = 1012;
/// Clients reconnect.
pub(super) const TRY_AGAIN_LATER: u16 = 1013;

/// A message of a client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit {
        payload: Option<Map<String, Value>>,
    },
    Ping {
        payload: Option<Map<String, Value>>,
    },
    Pong {
        #[serde(rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
    Subscribe {
        id: String,
        payload: GraphqlRequest,
    },
    Complete {
        id: String,
    },
}

/// The reason why a socket ends.
pub(super) enum CloseReason {
    /// The server closes it.
    By { code: u16, reason: String },
    /// The client disconnected.
    Disconnected,
    /// The client sent a close frame, and waits for the reply (RFC 6455, section 5.5.1).
    ByClient,
}

impl CloseReason {
    pub(super) fn because(code: u16, reason: impl Into<String>) -> Self {
        Self::By { code, reason: reason.into() }
    }

    /// Returns the close reason of a connection error. The type of the error is in a library that is no direct dependency.
    pub(super) fn of_error(error: &axum::Error) -> Self {
        let text = error.to_string();
        if text.contains("too long") || text.contains("too big") {
            Self::because(MESSAGE_TOO_BIG, "Message too big")
        } else if text.contains("UTF-8") || text.contains("utf-8") {
            Self::because(1007, "Messages must be UTF-8")
        } else {
            Self::Disconnected
        }
    }
}
