//! The bus between servers: one task with two connections to Redis, one to publish and one to subscribe.
//!
//! Published messages wait in a bounded queue and are sent in pipelines, which grow while a response is pending; topic
//! changes are batched in the same way. If a connection fails, or Redis answers no heartbeat, both are reconnected. It
//! must not interpret messages or wait for a slow Redis on behalf of a publisher.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub, PubSubSink, PubSubStream};
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use futures::StreamExt;
use secrecy::ExposeSecret;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::local::LocalBus;
use super::{BusEvent, Health, Settings, SharedLimits, TO_ALL, is_for_all};
use crate::core::error::Error;

/// The maximum number of messages that wait to be sent; further ones are dropped.
const QUEUE: usize = 8192;
/// The maximum number of messages per pipeline, and of topics per subscribe command.
const BATCH: usize = 512;
/// The timeout for connecting to Redis and for each of its responses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval of the heartbeats (`PING`).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The first and the longest delay before Redis is reconnected.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a flush waits for queued messages to be sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// The byte that separates server, topic and message in a frame: no topic contains it.
const SEPARATOR: u8 = 0;

/// The handle of the Redis task. Clones share it; the task ends with the last of them.
#[derive(Clone)]
pub(super) struct RedisBus {
    queue: mpsc::Sender<BusCommand>,
    line: Arc<RedisLink>,
    counts: Arc<SharedLimits>,
}

enum BusCommand {
    Publish {
        topic: String,
        news: Arc<[u8]>,
    },
    /// Acknowledged once all earlier commands have been sent.
    Answer(oneshot::Sender<()>),
}

/// The state of the Redis connection, shared with [`SharedLimits`].
#[derive(Default)]
pub(super) struct RedisLink {
    connection: Mutex<Option<MultiplexedConnection>>,
    is_up: AtomicBool,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    pub(super) counted_alone: AtomicU64,
}

impl RedisLink {
    /// Returns the connection while Redis is reachable.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connect(&self, connection: Option<MultiplexedConnection>) {
        self.is_up.store(connection.is_some(), Relaxed);
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

impl RedisBus {
    pub(super) fn start(settings: Settings<'_>, local: LocalBus) -> Result<Self, Error> {
        let client = Client::open(settings.url.expose_secret()).map_err(Error::internal)?;
        let (queue, orders) = mpsc::channel(QUEUE);
        let line = Arc::new(RedisLink::default());
        // Servers with another secret receive nothing, even on the same Redis.
        let namespace = format!("jeton:{}", settings.hash.of(b"namespace").get(..16).unwrap_or_default());
        let counts = Arc::new(SharedLimits::new(line.clone(), settings.hash, namespace.clone()));
        let task = RedisTask { client, local, line: line.clone(), namespace, server: settings.server.to_owned() };
        #[expect(clippy::disallowed_methods, reason = "lives exactly as long as the bus, below the app and its tasks")]
        tokio::spawn(task.run(orders));
        Ok(Self { queue, line, counts })
    }

    pub(super) fn publish(&self, topic: &str, news: &Arc<[u8]>) {
        if self.queue.try_send(BusCommand::Publish { topic: topic.to_owned(), news: news.clone() }).is_err() {
            self.line.dropped.fetch_add(1, Relaxed);
        }
    }

    pub(super) async fn sent(&self) {
        let (answer, answered) = oneshot::channel();
        let asking = async {
            self.queue.send(BusCommand::Answer(answer)).await.ok();
            answered.await.ok();
        };
        timeout(FLUSH_TIMEOUT, asking).await.ok();
    }

    pub(super) fn health(&self) -> Health {
        let line = &self.line;
        Health {
            is_up: line.is_up.load(Relaxed),
            connections: line.connections.load(Relaxed),
            sent: line.sent.load(Relaxed),
            received: line.received.load(Relaxed),
            dropped: line.dropped.load(Relaxed),
            counted_alone: line.counted_alone.load(Relaxed),
        }
    }

    pub(super) fn counts(&self) -> &SharedLimits {
        &self.counts
    }
}

struct RedisTask {
    client: Client,
    local: LocalBus,
    line: Arc<RedisLink>,
    namespace: String,
    server: String,
}

impl RedisTask {
    async fn run(self, mut orders: mpsc::Receiver<BusCommand>) {
        let (mut pause, mut is_told) = (FIRST_PAUSE, false);
        loop {
            let connections = self.line.connections.load(Relaxed);
            let failure = match self.open().await {
                Ok((connection, pubsub)) => match self.serve(connection, pubsub, &mut orders, &mut is_told).await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            self.line.connect(None);
            if !is_told {
                is_told = true;
                tracing::warn!(error = %failure, "Redis connection failed; cluster messages are dropped");
            }
            if self.line.connections.load(Relaxed) > connections {
                pause = FIRST_PAUSE;
            }
            // Messages published meanwhile are stale when Redis is back: subscribers receive `Lagged` instead.
            let end = Instant::now() + pause;
            loop {
                match timeout_at(end, orders.recv()).await {
                    Ok(Some(BusCommand::Publish { .. })) => {
                        self.line.dropped.fetch_add(1, Relaxed);
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
        orders: &mut mpsc::Receiver<BusCommand>,
        is_told: &mut bool,
    ) -> Result<(), RedisError> {
        let (mut sink, stream) = pubsub.split();
        let topics = self.local.all();
        with_timeout(sink.subscribe(self.channel(TO_ALL))).await?;
        self.begin(&mut sink, topics.iter()).await?;
        self.line.connections.fetch_add(1, Relaxed);
        self.line.connect(Some(connection.clone()));
        if std::mem::take(is_told) {
            tracing::info!("Redis connection restored");
        }
        tokio::select! {
            spoken = self.write_commands(connection.clone(), orders) => spoken,
            listened = self.sync_subscriptions(sink.clone(), topics) => listened,
            heard = self.read_messages(stream) => heard,
            alive = send_heartbeats(connection, sink) => alive,
        }
    }

    async fn write_commands(
        &self,
        mut connection: MultiplexedConnection,
        orders: &mut mpsc::Receiver<BusCommand>,
    ) -> Result<(), RedisError> {
        let mut batch = Vec::with_capacity(BATCH);
        while orders.recv_many(&mut batch, BATCH).await > 0 {
            let (mut pipeline, mut waiting) = (::redis::pipe(), Vec::new());
            for order in batch.drain(..) {
                match order {
                    BusCommand::Publish { topic, news } => {
                        let frame =
                            [self.server.as_bytes(), &[SEPARATOR], topic.as_bytes(), &[SEPARATOR], &news].concat();
                        pipeline.cmd("PUBLISH").arg(self.channel(&topic)).arg(frame).ignore();
                    }
                    BusCommand::Answer(answer) => waiting.push(answer),
                }
            }
            if !pipeline.is_empty() {
                pipeline.exec_async(&mut connection).await?;
                self.line.sent.fetch_add(pipeline.len() as u64, Relaxed);
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
            let (Some(server), Some(topic), Some(news)) = (parts.next(), parts.next(), parts.next()) else { continue };
            // Messages of this server were delivered locally when they were published.
            if server == self.server.as_bytes() {
                continue;
            }
            self.line.received.fetch_add(1, Relaxed);
            if let Ok(topic) = std::str::from_utf8(topic) {
                self.local.deliver(topic, || BusEvent::Message(news.into()));
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
