//! Clients of the two transports of subscriptions (WebSocket and SSE), over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Timeout of any step of a test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A WebSocket client, of graphql-transport-ws or another sub-protocol.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    /// Connects with this sub-protocol and these headers.
    pub async fn open(address: SocketAddr, protocol: Option<&str>, authorization: Option<&str>) -> Self {
        Self::open_at(address, "/graphql/ws", protocol, authorization).await
    }

    /// Connects to another path.
    pub async fn open_at(address: SocketAddr, path: &str, protocol: Option<&str>, authorization: Option<&str>) -> Self {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        Self(client_async(request, stream).await.unwrap().0)
    }

    /// Connects, authenticates in `connection_init`, and waits for `connection_ack`.
    pub async fn begin(address: SocketAddr, access: Option<&str>) -> Self {
        let mut socket = Self::open(address, Some("graphql-transport-ws"), None).await;
        let payload = access.map(|access| json!({ "Authorization": format!("Bearer {access}") }));
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub async fn say(&mut self, message: Value) {
        self.send(Message::Text(message.to_string().into())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } })).await;
    }

    /// Receives the next text message; pings are answered in between.
    pub async fn hear(&mut self) -> Value {
        match timeout(TIMEOUT, self.next()).await.expect("a message comes") {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Receives the payload of the next `next` message of this operation.
    pub async fn hear_next(&mut self, id: &str) -> Value {
        let mut message = self.hear().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{message}");
        message["payload"].take()
    }

    /// Receives the close code and reason; messages before it are skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        let closing = async {
            loop {
                if let Message::Close(frame) = self.next().await {
                    let CloseFrame { code, reason } = frame.expect("a code");
                    return (code.into(), reason.to_string());
                }
            }
        };
        timeout(TIMEOUT, closing).await.expect("the server closes")
    }

    async fn next(&mut self) -> Message {
        loop {
            match self.0.next().await.expect("the socket is open").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }
}

/// A client of server-sent events.
pub struct Events {
    response: reqwest::Response,
    /// Buffered bytes of an incomplete event.
    rest: String,
}

/// An event: its name and data, or a comment.
#[derive(Debug, PartialEq)]
pub enum Event {
    Comment,
    Next(Value),
    Complete,
}

impl Events {
    pub async fn open(address: SocketAddr, access: Option<&str>, query: &str, variables: Value) -> Self {
        let response = Self::request(address, access, query, variables).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { response, rest: String::new() }
    }

    /// Returns the response, whatever its status.
    pub async fn request(
        address: SocketAddr,
        access: Option<&str>,
        query: &str,
        variables: Value,
    ) -> reqwest::Response {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut request = reqwest::Client::new()
            .post(format!("http://{address}/graphql/stream"))
            .header("accept", "text/event-stream")
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        request.send().await.unwrap()
    }

    /// Receives the next event; `None` at the end of the stream.
    pub async fn any(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.rest = rest;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
                return Some(match field("event:") {
                    None => Event::Comment,
                    Some("next") => Event::Next(serde_json::from_str(field("data:").unwrap()).unwrap()),
                    Some("complete") => {
                        assert_eq!(field("data:"), Some(""), "browsers want the field");
                        Event::Complete
                    }
                    Some(other) => panic!("{other}"),
                });
            }
            let chunk = timeout(TIMEOUT, self.response.chunk()).await.expect("an event comes").unwrap()?;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Receives the next event that is not a heartbeat.
    pub async fn next(&mut self) -> Event {
        loop {
            match self.any().await.expect("an event") {
                Event::Comment => {}
                event => return event,
            }
        }
    }

    /// Receives the data of the next event.
    pub async fn hear(&mut self) -> Value {
        match self.next().await {
            Event::Next(data) => data,
            other => panic!("{other:?}"),
        }
    }
}
