//! The WebSocket transport: the `graphql-transport-ws` sub-protocol, with its close codes.
//!
//! One task reads from a socket and writes to it, one message at a time. Each operation has a task of its own, which
//! waits until its last response was taken: a slow client makes no queue grow, and no operation waits for the client
//! while it holds a database connection. A client that does not read for too long is disconnected. Each operation runs
//! with the viewer that the socket's access token authenticates at that moment; the socket is closed when the token or
//! its session ends.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;
use futures::StreamExt;
use futures::future::OptionFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::super::execution::answer::Answer;
use super::super::execution::operation::Operation;
use super::super::execution::request::{GraphqlRequest, RequestRejection};
use super::super::state::Graphql;
use super::credential::{self, bearer};
use super::http::{ResponseFormat, refuse};
use super::{request, stream};
use crate::core::error::{Code, Error};
use crate::core::throttle::Permit;
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};

const PROTOCOL: &str = "graphql-transport-ws";

// The close codes of the protocol, and those of RFC 6455 and the IANA registry that its clients handle.
const BAD_REQUEST: u16 = 4400;
const UNAUTHORIZED: u16 = 4401;
/// Clients reconnect with another credential.
const FORBIDDEN: u16 = 4403;
const SUBPROTOCOL_NOT_ACCEPTABLE: u16 = 4406;
const INITIALISATION_TIMEOUT: u16 = 4408;
const SUBSCRIBER_EXISTS: u16 = 4409;
const TOO_MANY_INITIALISATIONS: u16 = 4429;
const INTERNAL: u16 = 4500;
const MESSAGE_TOO_BIG: u16 = 1009;
/// Clients reconnect.
const SERVICE_RESTART: u16 = 1012;
/// Clients reconnect.
const TRY_AGAIN_LATER: u16 = 1013;

/// Maximum number of concurrent subscriptions on one socket.
const MAX_SUBSCRIPTIONS: usize = 100;
/// Maximum number of concurrent queries and mutations on one socket; more of them are queued.
const MAX_RUNNING: usize = 100;
/// Maximum number of queued queries and mutations on one socket.
const MAX_WAITING: usize = 1000;
/// Maximum size of the messages of queued operations, in bytes.
const MAX_WAITING_BYTES: usize = 64 << 10;
/// Maximum size of the reason in a close frame, in bytes.
const MAX_REASON: usize = 123;
/// Timeout for a client to read the close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Size of the read buffer, in bytes. The default is 32 times as large, for each socket, even an idle one.
const READ_BUFFER: usize = 4096;

/// Handles `/graphql/ws`: upgrades the connection and serves the protocol.
pub(super) async fn upgrade(
    State(graphql): State<Graphql>,
    address: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> HttpResponse {
    if !credential::may_open_socket(&headers, &graphql.app.config.http.cors_origins) {
        let message = "This origin is not allowed: it is not listed in http.cors_origins.";
        let refused =
            RequestRejection { code: Code::Forbidden, ..RequestRejection::new(StatusCode::FORBIDDEN, message) };
        return refuse(ResponseFormat::Response, refused);
    }
    let token = match credential::credential(&headers) {
        Ok(token) => token,
        Err(refused) => return refuse(ResponseFormat::Response, refused),
    };
    let origin = request::origin(&headers, address);
    let Ok(place) = graphql.app.sockets.take(origin.address) else {
        let message = "Too many WebSocket connections from your address.";
        let refused = RequestRejection {
            code: Code::RateLimited,
            ..RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, message)
        };
        return refuse(ResponseFormat::Response, refused);
    };
    let config = &graphql.app.config;
    // The maximum holds for a message and for each of its frames.
    let max = config.graphql.max_socket_message_bytes.min(config.http.max_body_bytes);
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(max).max_frame_size(max);
    let acceptable = upgrade.selected_protocol().is_some();
    let mut response = upgrade.read_buffer_size(READ_BUFFER).write_buffer_size(0).on_upgrade(move |socket| {
        let streams = graphql.app.streams.clone();
        streams.track_future(async move {
            let _place = place;
            let mut connection = Connection::new(graphql, socket, token, origin);
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

/// A message of a client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage {
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
enum CloseReason {
    /// The server closes it.
    By { code: u16, reason: String },
    /// The client disconnected.
    Gone,
    /// The client sent a close frame, and waits for the reply (RFC 6455, section 5.5.1).
    ByClient,
}

impl CloseReason {
    fn because(code: u16, reason: impl Into<String>) -> Self {
        Self::By { code, reason: reason.into() }
    }
}

/// The output of an operation.
struct OperationOutput {
    id: String,
    /// The number of the operation, which distinguishes it from earlier ones with the same id.
    number: u64,
    /// A response; `None` once the operation is complete.
    answer: Option<Answer>,
}

/// A running operation. Dropping it aborts the operation.
struct ActiveOperation {
    number: u64,
    is_subscription: bool,
    _task: AbortOnDropHandle<()>,
}

/// An operation that waits to be started.
struct QueuedOperation {
    id: String,
    operation: Operation,
    /// Size of its message, in bytes.
    bytes: usize,
}

struct Connection {
    graphql: Graphql,
    socket: WebSocket,
    origin: ClientInfo,
    /// The access token: of the payload of `connection_init`, or else of the header.
    token: Option<String>,
    acknowledged: bool,
    running: HashMap<String, ActiveOperation>,
    /// Queued queries and mutations, in order of arrival.
    waiting: VecDeque<QueuedOperation>,
    /// The number of operations started so far.
    begun: u64,
    give: mpsc::Sender<OperationOutput>,
    given: mpsc::Receiver<OperationOutput>,
    /// Watches the session, in a task of its own for the same reason as the operations; `None` for anonymous clients.
    session: Option<AbortOnDropHandle<Error>>,
    /// The permit for a stream of the user.
    place: Option<Permit<i64>>,
}

impl Connection {
    fn new(graphql: Graphql, socket: WebSocket, token: Option<String>, origin: ClientInfo) -> Self {
        let (give, given) = mpsc::channel(1);
        let running = HashMap::new();
        Self {
            graphql,
            socket,
            origin,
            token,
            acknowledged: false,
            running,
            waiting: VecDeque::new(),
            begun: 0,
            give,
            given,
            session: None,
            place: None,
        }
    }

    async fn serve(&mut self) -> CloseReason {
        let settings = self.graphql.app.config.graphql.clone();
        let start = Instant::now();
        let init_due = start + settings.init_timeout;
        let mut heartbeat = interval_at(start + settings.heartbeat, settings.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_heard = start;
        let stopped = stream::server_stopped(self.graphql.app.clone());
        tokio::pin!(stopped);
        loop {
            let done = tokio::select! {
                received = self.socket.recv() => {
                    last_heard = Instant::now();
                    match received {
                        Some(Ok(Message::Text(text))) => self.hear(text).await,
                        Some(Ok(Message::Binary(_))) => Err(CloseReason::because(BAD_REQUEST, "Messages must be text")),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(_))) => Err(CloseReason::ByClient),
                        None => Err(CloseReason::Gone),
                        Some(Err(error)) => Err(broken(&error)),
                    }
                }
                Some(given) = self.given.recv() => self.tell(given).await,
                _ = heartbeat.tick() => {
                    // A connected client answers pings.
                    if last_heard.elapsed() > settings.heartbeat * 3 {
                        return CloseReason::Gone;
                    }
                    self.send(Message::Ping(Bytes::new())).await
                }
                Some(ended) = OptionFuture::from(self.session.as_mut()) => Err(match ended {
                    Ok(error) => CloseReason::because(FORBIDDEN, error.message),
                    Err(_) => CloseReason::because(INTERNAL, "Internal error."),
                }),
                () = sleep_until(init_due), if !self.acknowledged => {
                    Err(CloseReason::because(INITIALISATION_TIMEOUT, "Connection initialisation timeout"))
                }
                () = &mut stopped => Err(CloseReason::because(SERVICE_RESTART, "The server is shutting down")),
            };
            let begun = match done {
                Ok(()) => self.begin_waiting().await,
                closed => closed,
            };
            if let Err(closed) = begun {
                return closed;
            }
        }
    }

    async fn hear(&mut self, text: Utf8Bytes) -> Result<(), CloseReason> {
        let bytes = text.len();
        let said = self
            .graphql
            .read(Bytes::from(text))
            .await
            .map_err(|error| CloseReason::because(INTERNAL, error.message))?;
        let said = said.map_err(|error| CloseReason::because(BAD_REQUEST, format!("Invalid message: {error}")))?;
        match said {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload.unwrap_or_default()).await,
            ClientMessage::Ping { payload: Some(payload) } => {
                self.say(json!({ "type": "pong", "payload": payload })).await
            }
            ClientMessage::Ping { payload: None } => self.say(json!({ "type": "pong" })).await,
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, GraphqlRequest { bytes, ..payload }).await,
            ClientMessage::Complete { id } => {
                self.running.remove(&id);
                self.waiting.retain(|waiting| waiting.id != id);
                Ok(())
            }
        }
    }

    async fn initialise(&mut self, payload: Map<String, Value>) -> Result<(), CloseReason> {
        if self.acknowledged {
            return Err(CloseReason::because(TOO_MANY_INITIALISATIONS, "Too many initialisation requests"));
        }
        let of_payload = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some((_, value)) = of_payload {
            let token = bearer(value.as_str().unwrap_or_default());
            self.token = Some(token.map_err(|refused| CloseReason::because(FORBIDDEN, refused.message))?);
        }
        if let Viewer::User(identity) = self.viewer().await? {
            let place = stream::stream_place(&self.graphql.app, identity.id);
            self.place = Some(place.map_err(|refused| CloseReason::because(TRY_AGAIN_LATER, refused.message))?);
            let token = self.token.clone().unwrap_or_default();
            self.session = Some(stream::watch_session(&self.graphql.app, token, identity.id));
        }
        self.acknowledged = true;
        self.say(json!({ "type": "connection_ack" })).await
    }

    async fn viewer(&mut self) -> Result<Viewer, CloseReason> {
        credential::viewer(&self.graphql.app, self.token.as_deref()).await.map_err(|refused| match refused.code {
            Code::Internal => CloseReason::because(INTERNAL, refused.message),
            Code::Unavailable => CloseReason::because(TRY_AGAIN_LATER, refused.message),
            _ => CloseReason::because(FORBIDDEN, refused.message),
        })
    }

    async fn subscribe(&mut self, id: String, asked: GraphqlRequest) -> Result<(), CloseReason> {
        if !self.acknowledged {
            return Err(CloseReason::because(UNAUTHORIZED, "Unauthorized"));
        }
        if id.is_empty() {
            return Err(CloseReason::because(BAD_REQUEST, "Invalid message: the id is empty"));
        }
        if self.running.contains_key(&id) || self.waiting.iter().any(|waiting| waiting.id == id) {
            return Err(CloseReason::because(SUBSCRIBER_EXISTS, format!("Subscriber for {id} already exists")));
        }
        let bytes = asked.bytes;
        let operation = match Operation::read(&self.graphql, asked).await {
            Ok(operation) => operation,
            Err(refused) if refused.well_formed => {
                self.graphql.app.metrics.error("graphql", refused.code.as_str());
                return self.send_answer("error", &id, &Answer::refused(&refused)).await;
            }
            Err(refused) => return Err(CloseReason::because(BAD_REQUEST, refused.message)),
        };
        if operation.kind == OperationType::Subscription {
            if self.count(true) >= MAX_SUBSCRIPTIONS {
                let message = format!("At most {MAX_SUBSCRIPTIONS} concurrent subscriptions on one socket.");
                return self.refuse(&id, Code::RateLimited, &message).await;
            }
            return self.begin(id, operation).await;
        }
        let waiting = self.waiting.iter().map(|waiting| waiting.bytes).sum::<usize>() + bytes;
        let is_full = self.waiting.len() >= MAX_WAITING || waiting > MAX_WAITING_BYTES;
        if self.count(false) >= MAX_RUNNING && is_full {
            let message = format!("Too many operations: {MAX_RUNNING} run on this socket, and its queue is full.");
            return self.refuse(&id, Code::RateLimited, &message).await;
        }
        self.waiting.push_back(QueuedOperation { id, operation, bytes });
        Ok(())
    }

    /// Returns the number of running subscriptions, or of other running operations.
    fn count(&self, subscriptions: bool) -> usize {
        self.running.values().filter(|running| running.is_subscription == subscriptions).count()
    }

    /// Starts queued operations, up to the maximum of concurrent ones.
    async fn begin_waiting(&mut self) -> Result<(), CloseReason> {
        while self.count(false) < MAX_RUNNING
            && let Some(QueuedOperation { id, operation, .. }) = self.waiting.pop_front()
        {
            self.begin(id, operation).await?;
        }
        Ok(())
    }

    async fn begin(&mut self, id: String, operation: Operation) -> Result<(), CloseReason> {
        let is_subscription = operation.kind == OperationType::Subscription;
        let viewer = self.viewer().await?;
        let mut answers = operation.stream(&self.graphql, viewer, self.origin.clone());
        self.begun += 1;
        let (number, give, of) = (self.begun, self.give.clone(), id.clone());
        let task = self.graphql.app.streams.spawn(async move {
            loop {
                let answer = answers.next().await;
                let over = answer.is_none();
                let given = OperationOutput { id: of.clone(), number, answer };
                if give.send(given).await.is_err() || over {
                    return;
                }
            }
        });
        self.running.insert(id, ActiveOperation { number, is_subscription, _task: AbortOnDropHandle::new(task) });
        Ok(())
    }

    async fn tell(&mut self, given: OperationOutput) -> Result<(), CloseReason> {
        let OperationOutput { id, number, answer } = given;
        if self.running.get(&id).is_none_or(|running| running.number != number) {
            // A late response of an operation that the client has completed.
            return Ok(());
        }
        match answer {
            Some(answer) if answer.executed => self.send_answer("next", &id, &answer).await,
            Some(answer) => {
                // The error is the final message: no `complete` follows.
                self.running.remove(&id);
                self.send_answer("error", &id, &answer).await
            }
            None => {
                self.running.remove(&id);
                self.say(json!({ "type": "complete", "id": id })).await
            }
        }
    }

    async fn refuse(&mut self, id: &str, code: Code, message: &str) -> Result<(), CloseReason> {
        self.graphql.app.metrics.error("graphql", code.as_str());
        self.send_answer("error", id, &Answer::refusal(code, message)).await
    }

    async fn send_answer(&mut self, kind: &str, id: &str, answer: &Answer) -> Result<(), CloseReason> {
        // The payload is already serialized, and may be large.
        let id = Value::from(id);
        let message = format!("{{\"type\":\"{kind}\",\"id\":{id},\"payload\":{}}}", answer.payload());
        self.send(Message::Text(message.into())).await
    }

    async fn say(&mut self, message: Value) -> Result<(), CloseReason> {
        self.send(Message::Text(message.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        match timeout(self.graphql.app.config.graphql.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CloseReason::Gone),
            Err(_) => {
                tracing::info!("WebSocket closed: client reads too slowly");
                Err(CloseReason::because(
                    TRY_AGAIN_LATER,
                    "The client reads too slowly; subscribe again, `after` resumes a reply",
                ))
            }
        }
    }

    /// Sends the close frame with the reason, and waits for the client to receive it, up to [`CLOSE_GRACE`].
    async fn close(mut self, closed: CloseReason) {
        let CloseReason::By { code, reason } = closed else {
            if matches!(closed, CloseReason::ByClient) {
                // The library has queued the reply, and sends it when it is polled.
                timeout(CLOSE_GRACE, self.socket.recv()).await.ok();
            }
            return;
        };
        let reason = reason.get(..reason.floor_char_boundary(MAX_REASON)).unwrap_or_default();
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason.to_owned()) };
        let farewell = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                // Closing the connection with unread messages would discard the reason.
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        timeout(CLOSE_GRACE, farewell).await.ok();
    }
}

/// Returns the close reason of a connection error. The type of the error is in a library that is no direct dependency.
fn broken(error: &axum::Error) -> CloseReason {
    let text = error.to_string();
    if text.contains("too long") || text.contains("too big") {
        CloseReason::because(MESSAGE_TOO_BIG, "Message too big")
    } else if text.contains("UTF-8") || text.contains("utf-8") {
        CloseReason::because(1007, "Messages must be UTF-8")
    } else {
        CloseReason::Gone
    }
}
