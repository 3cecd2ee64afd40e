//! `[graphql]`: the GraphQL API.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[graphql]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// Whether GraphiQL is served to browsers.
    pub graphiql: bool,
    /// Whether introspection is allowed.
    pub introspection: bool,
    /// Whether errors suggest names for a mistyped field.
    pub suggestions: bool,
    /// The timeout of a query.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// The maximum response, in bytes.
    pub max_response_bytes: usize,
    /// The maximum number of open sockets and streams per user.
    pub streams_per_user: u64,
    /// The maximum size of a client's WebSocket message, in bytes.
    pub max_socket_message_bytes: usize,
    /// The interval of heartbeats on an open stream.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// The timeout for the `connection_init` message of a new WebSocket.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// The timeout for a client that does not read its stream.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
}
