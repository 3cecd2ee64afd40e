//! Protocol conformance of the transports of subscriptions: graphql-transport-ws with each close code, and GraphQL over
//! server-sent events.

mod bounds;
mod connections;
mod events;
mod messages;
mod sessions;

use std::net::SocketAddr;
use std::time::Duration;

use jeton::app::App;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::Client;
use crate::support::socket::Socket;

const BALANCE: &str = "subscription { balanceChanged { tokens held } }";
const PROTOCOL: Option<&str> = Some("graphql-transport-ws");

fn init() -> Value {
    json!({ "type": "connection_init" })
}

/// A socket of a logged-in user with a subscription to the balance, whose first event was received.
async fn listening(address: SocketAddr, client: &Client) -> Socket {
    let mut socket = Socket::begin(address, client.access.as_deref()).await;
    socket.subscribe("b", BALANCE, json!({})).await;
    let first = socket.hear_next("b").await;
    assert_eq!(first, json!({ "data": { "balanceChanged": { "tokens": 4000, "held": 0 } } }));
    socket
}

/// Waits until this number of tasks of sockets and streams is left.
async fn until(app: &App, left: usize) {
    let gone = async {
        while app.streams.len() > left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("sockets are dropped");
}

const START: &str = "mutation { startMessage(input: {message: \"Hi\", model: \"scripted\"}) { chat { id } } }";
const FOLLOW: &str = "subscription($id: ID!) { replyStream(chatId: $id) { ... on ReplyDelta { text } } }";
