//! The task that is connected to Redis: it sends commands, and delivers messages of other servers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub, PubSubSink, PubSubStream};
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::local::LocalBus;
use super::redis_link::RedisLink;
use super::{BusEvent, TO_ALL, is_for_all};

/// The maximum number of messages per pipeline, and of topics per subscribe command.
const BATCH: usize = 512;
/// The timeout for connecting to Redis and for each of its responses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval of the heartbeats (`PING`).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The first and the longest delay before Redis is reconnected.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The byte that separates server, topic and message in a frame: no topic contains it.
const SEPARATOR: u8 = 0;

/// A command to the task.
pub(super) enum BusCommand {
    Publish {
        topic: String,
        payload: Arc<[u8]>,
    },
    /// Acknowledged once all earlier commands have been sent.
    Answer(oneshot::Sender<()>),
}

/// The task: it ends with the last sender of its commands.
pub(super) struct RedisTask {
    pub(super) client: Client,
    pub(super) local: LocalBus,
    pub(super) link: Arc<RedisLink>,
    pub(super) namespace: String,
    pub(super) server: String,
}

impl RedisTask {
    /// Connects, and reconnects after each failure.
    pub(super) async fn run(self, mut commands: mpsc::Receiver<BusCommand>) {
        let (mut pause, mut is_reported) = (FIRST_PAUSE, false);
        loop {
            let connections = self.link.connections.load(Relaxed);
            let failure = match self.open().await {
                Ok((connection, pubsub)) => match self.serve(connection, pubsub, &mut commands, &mut is_reported).await
                {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            self.link.connect(None);
            if !is_reported {
                is_reported = true;
                tracing::warn!(error = %failure, "Redis connection failed; cluster messages are dropped");
            }
            if self.link.connections.load(Relaxed) > connections {
                pause = FIRST_PAUSE;
            }
            // Messages published meanwhile are stale when Redis is back: subscribers receive `Lagged` instead.
            let end = Instant::now() + pause;
            loop {
                match timeout_at(end, commands.recv()).await {
                    Ok(Some(BusCommand::Publish { .. })) => {
                        self.link.dropped.fetch_add(1, Relaxed);
                    }
                    Ok(Some(BusCommand::Answer(_))) => {}
                    Ok(None) => return,
                    Err(_) => break,
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn open(&self) -> Result<(MultiplexedConnection, PubSub), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONNECT_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok((connection, with_timeout(self.client.get_async_pubsub()).await?))
    }

    /// Transports messages until the bus is dropped or a connection fails.
    async fn serve(
        &self,
        connection: MultiplexedConnection,
        pubsub: PubSub,
        commands: &mut mpsc::Receiver<BusCommand>,
        is_reported: &mut bool,
    ) -> Result<(), RedisError> {
        let (mut sink, stream) = pubsub.split();
        let topics = self.local.all();
        with_timeout(sink.subscribe(self.channel(TO_ALL))).await?;
        self.begin(&mut sink, topics.iter()).await?;
        self.link.connections.fetch_add(1, Relaxed);
        self.link.connect(Some(connection.clone()));
        if std::mem::take(is_reported) {
            tracing::info!("Redis connection restored");
        }
        tokio::select! {
            written = self.write_commands(connection.clone(), commands) => written,
            synced = self.sync_subscriptions(sink.clone(), topics) => synced,
            read = self.read_messages(stream) => read,
            alive = send_heartbeats(connection, sink) => alive,
        }
    }

    async fn write_commands(
        &self,
        mut connection: MultiplexedConnection,
        commands: &mut mpsc::Receiver<BusCommand>,
    ) -> Result<(), RedisError> {
        let mut batch = Vec::with_capacity(BATCH);
        while commands.recv_many(&mut batch, BATCH).await > 0 {
            let (mut pipeline, mut waiting) = (::redis::pipe(), Vec::new());
            for command in batch.drain(..) {
                match command {
                    BusCommand::Publish { topic, payload } => {
                        let frame =
                            [self.server.as_bytes(), &[SEPARATOR], topic.as_bytes(), &[SEPARATOR], &payload].concat();
                        pipeline.cmd("PUBLISH").arg(self.channel(&topic)).arg(frame).ignore();
                    }
                    BusCommand::Answer(answer) => waiting.push(answer),
                }
            }
            if !pipeline.is_empty() {
                pipeline.exec_async(&mut connection).await?;
                self.link.sent.fetch_add(pipeline.len() as u64, Relaxed);
            }
            for answer in waiting {
                answer.send(()).ok();
            }
        }
        Ok(())
    }

    /// Keeps the subscribed channels equal to the topics with a subscription on this server.
    async fn sync_subscriptions(&self, mut sink: PubSubSink, mut open: HashSet<String>) -> Result<(), RedisError> {
        loop {
            let (came, went): (Vec<_>, Vec<_>) =
                self.local.changed().await.into_iter().partition(|topic| self.local.has(topic));
            let came: Vec<_> = came.into_iter().filter(|topic| !open.contains(topic)).collect();
            self.begin(&mut sink, came.iter()).await?;
            open.extend(came);
            let went: Vec<_> = went.into_iter().filter(|topic| open.remove(topic)).collect();
            for topics in went.chunks(BATCH) {
                let channels: Vec<_> = topics.iter().map(|topic| self.channel(topic)).collect();
                with_timeout(sink.unsubscribe(channels)).await?;
            }
        }
    }

    /// Subscribes to the channels of these topics and sends `Lagged` to their subscribers, which received nothing so
    /// far.
    async fn begin(&self, sink: &mut PubSubSink, topics: impl Iterator<Item = &String>) -> Result<(), RedisError> {
        let topics: Vec<_> = topics.collect();
        for topics in topics.chunks(BATCH) {
            let channels: Vec<_> = topics.iter().map(|topic| self.channel(topic)).collect();
            with_timeout(sink.subscribe(channels)).await?;
            topics.iter().for_each(|topic| self.local.deliver(topic, || BusEvent::Lagged));
        }
        Ok(())
    }

    async fn read_messages(&self, mut stream: PubSubStream) -> Result<(), RedisError> {
        while let Some(message) = stream.next().await {
            let mut parts = message.get_payload_bytes().splitn(3, |byte| *byte == SEPARATOR);
            let (Some(server), Some(topic), Some(payload)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            // Messages of this server were delivered locally when they were published.
            if server == self.server.as_bytes() {
                continue;
            }
            self.link.received.fetch_add(1, Relaxed);
            if let Ok(topic) = std::str::from_utf8(topic) {
                self.local.deliver(topic, || BusEvent::Message(payload.into()));
            }
        }
        Err(disconnected("connection closed"))
    }

    /// Returns the Redis channel that carries the messages of a topic.
    fn channel(&self, topic: &str) -> String {
        let topic = if is_for_all(topic) { TO_ALL } else { topic };
        format!("{}:{topic}", self.namespace)
    }
}

/// Sends heartbeats on both connections until one is not answered.
async fn send_heartbeats(mut connection: MultiplexedConnection, mut sink: PubSubSink) -> Result<(), RedisError> {
    loop {
        sleep(HEARTBEAT).await;
        ::redis::cmd("PING").exec_async(&mut connection).await?;
        with_timeout(sink.ping::<::redis::Value>()).await?;
    }
}

async fn with_timeout<T>(work: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    timeout(CONNECT_TIMEOUT, work).await.unwrap_or_else(|_| Err(disconnected("response timed out")))
}

fn disconnected(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, why))
}
