//! One WebSocket connection: the loop that reads its messages, and writes the responses of its operations.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::future::OptionFuture;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::super::super::execution::answer::Answer;
use super::super::super::execution::operation::Operation;
use super::super::super::execution::request::GraphqlRequest;
use super::super::super::state::GraphqlState;
use super::super::{credential, stream};
use super::operations::{OperationOutput, Operations, QueuedOperation};
use super::protocol::{
    BAD_REQUEST, ClientMessage, CloseReason, FORBIDDEN, INITIALISATION_TIMEOUT, INTERNAL, SERVICE_RESTART,
    SUBSCRIBER_EXISTS, TOO_MANY_INITIALISATIONS, TRY_AGAIN_LATER, UNAUTHORIZED,
};
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::throttle::Permit;
use crate::core::viewer::{ClientInfo, Viewer};

/// Maximum size of the reason in a close frame, in bytes.
const MAX_REASON: usize = 123;
/// Timeout for a client to read the close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A connection with its operations.
pub(super) struct Connection {
    graphql: Arc<GraphqlState>,
    socket: WebSocket,
    client: Arc<ClientInfo>,
    /// The access token: of the payload of `connection_init`, or else of the header.
    token: Option<String>,
    acknowledged: bool,
    operations: Operations,
    /// Watches the session, in a task of its own for the same reason as the operations; `None` for anonymous clients.
    session: Option<AbortOnDropHandle<Error>>,
    /// The permit for a stream of the user.
    permit: Option<Permit<UserId>>,
}

impl Connection {
    pub(super) fn new(
        graphql: Arc<GraphqlState>,
        socket: WebSocket,
        token: Option<String>,
        client: Arc<ClientInfo>,
    ) -> Self {
        let operations = Operations::new();
        Self { graphql, socket, client, token, acknowledged: false, operations, session: None, permit: None }
    }

    /// Serves the connection until there is a reason to close it.
    pub(super) async fn serve(&mut self) -> CloseReason {
        let settings = &self.graphql.app.config().graphql;
        let (heartbeat_interval, init_timeout) = (settings.heartbeat, settings.init_timeout);
        let start = Instant::now();
        let init_due = start + init_timeout;
        let mut heartbeat = interval_at(start + heartbeat_interval, heartbeat_interval);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_received = start;
        let stopped = stream::server_stopped(self.graphql.app.clone());
        tokio::pin!(stopped);
        loop {
            let done = tokio::select! {
                received = self.socket.recv() => {
                    last_received = Instant::now();
                    match received {
                        Some(Ok(Message::Text(text))) => self.handle(text).await,
                        Some(Ok(Message::Binary(_))) => Err(CloseReason::because(BAD_REQUEST, "Messages must be text")),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(_))) => Err(CloseReason::ByClient),
                        None => Err(CloseReason::Disconnected),
                        Some(Err(error)) => Err(CloseReason::of_error(&error)),
                    }
                }
                Some(output) = self.operations.next_output() => self.send_output(output).await,
                _ = heartbeat.tick() => {
                    // A connected client answers pings.
                    if last_received.elapsed() > heartbeat_interval * 3 {
                        return CloseReason::Disconnected;
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
            let started = match done {
                Ok(()) => self.start_queued().await,
                closed => closed,
            };
            if let Err(closed) = started {
                return closed;
            }
        }
    }

    /// Sends the close frame with the reason, and waits for the client to receive it, up to [`CLOSE_GRACE`].
    pub(super) async fn close(mut self, closed: CloseReason) {
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

    async fn handle(&mut self, text: Utf8Bytes) -> Result<(), CloseReason> {
        let bytes = text.len();
        let message = self
            .graphql
            .read(Bytes::from(text))
            .await
            .map_err(|error| CloseReason::because(INTERNAL, error.message))?
            .map_err(|error| CloseReason::because(BAD_REQUEST, format!("Invalid message: {error}")))?;
        match message {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload.unwrap_or_default()).await,
            ClientMessage::Ping { payload: Some(payload) } => {
                self.send_json(json!({ "type": "pong", "payload": payload })).await
            }
            ClientMessage::Ping { payload: None } => self.send_json(json!({ "type": "pong" })).await,
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, GraphqlRequest { bytes, ..payload }).await,
            ClientMessage::Complete { id } => {
                self.operations.abort(&id);
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
            let token = credential::bearer(value.as_str().unwrap_or_default());
            self.token = Some(token.map_err(|rejection| CloseReason::because(FORBIDDEN, rejection.message))?);
        }
        if let Viewer::User(identity) = self.viewer().await? {
            let permit = stream::stream_permit(&self.graphql.app, identity.id);
            self.permit = Some(permit.map_err(|rejection| CloseReason::because(TRY_AGAIN_LATER, rejection.message))?);
            let token = self.token.clone().unwrap_or_default();
            self.session = Some(stream::watch_session(&self.graphql.app, token, identity.id));
        }
        self.acknowledged = true;
        self.send_json(json!({ "type": "connection_ack" })).await
    }

    async fn viewer(&mut self) -> Result<Viewer, CloseReason> {
        credential::viewer(&self.graphql.app, self.token.as_deref()).await.map_err(|rejection| match rejection.code {
            Code::Internal => CloseReason::because(INTERNAL, rejection.message),
            Code::Unavailable => CloseReason::because(TRY_AGAIN_LATER, rejection.message),
            _ => CloseReason::because(FORBIDDEN, rejection.message),
        })
    }

    async fn subscribe(&mut self, id: String, request: GraphqlRequest) -> Result<(), CloseReason> {
        if !self.acknowledged {
            return Err(CloseReason::because(UNAUTHORIZED, "Unauthorized"));
        }
        if id.is_empty() {
            return Err(CloseReason::because(BAD_REQUEST, "Invalid message: the id is empty"));
        }
        if self.operations.contains(&id) {
            return Err(CloseReason::because(SUBSCRIBER_EXISTS, format!("Subscriber for {id} already exists")));
        }
        let bytes = request.bytes;
        let operation = match Operation::read(&self.graphql, request).await {
            Ok(operation) => operation,
            Err(rejection) if rejection.well_formed => {
                return self.send_error(&id, rejection.code, &Answer::rejected(&rejection)).await;
            }
            Err(rejection) => return Err(CloseReason::because(BAD_REQUEST, rejection.message)),
        };
        if let Err(message) = self.operations.check_room(operation.kind, bytes) {
            return self.send_error(&id, Code::RateLimited, &Answer::error(Code::RateLimited, &message)).await;
        }
        if operation.kind == OperationType::Subscription {
            return self.start(id, operation).await;
        }
        self.operations.push(QueuedOperation { id, operation, bytes });
        Ok(())
    }

    /// Starts queued operations, up to the maximum of concurrent ones.
    async fn start_queued(&mut self) -> Result<(), CloseReason> {
        while let Some(QueuedOperation { id, operation, .. }) = self.operations.pop() {
            self.start(id, operation).await?;
        }
        Ok(())
    }

    async fn start(&mut self, id: String, operation: Operation) -> Result<(), CloseReason> {
        let kind = operation.kind;
        let viewer = self.viewer().await?;
        let answers = operation.stream(&self.graphql, viewer, self.client.clone());
        self.operations.start(&self.graphql.app.streams, id, kind, answers);
        Ok(())
    }

    async fn send_output(&mut self, output: OperationOutput) -> Result<(), CloseReason> {
        let OperationOutput { id, answer, .. } = output;
        match answer {
            Some(answer) if answer.executed => self.send_answer("next", &id, &answer).await,
            // The error is the final message: no `complete` follows.
            Some(answer) => self.send_answer("error", &id, &answer).await,
            None => self.send_json(json!({ "type": "complete", "id": &*id })).await,
        }
    }

    /// Sends the error of an operation that is not executed, and counts it.
    async fn send_error(&mut self, id: &str, code: Code, answer: &Answer) -> Result<(), CloseReason> {
        self.graphql.app.metrics.error("graphql", code.as_str());
        self.send_answer("error", id, answer).await
    }

    async fn send_answer(&mut self, kind: &str, id: &str, answer: &Answer) -> Result<(), CloseReason> {
        // The payload is already serialized, and may be large.
        let id = Value::from(id);
        let message = format!("{{\"type\":\"{kind}\",\"id\":{id},\"payload\":{}}}", answer.payload());
        self.send(Message::Text(message.into())).await
    }

    async fn send_json(&mut self, message: Value) -> Result<(), CloseReason> {
        self.send(Message::Text(message.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        match timeout(self.graphql.app.config().graphql.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CloseReason::Disconnected),
            Err(_) => {
                tracing::info!("WebSocket closed: client reads too slowly");
                Err(CloseReason::because(
                    TRY_AGAIN_LATER,
                    "The client reads too slowly; subscribe again, `after` resumes a reply",
                ))
            }
        }
    }
}
