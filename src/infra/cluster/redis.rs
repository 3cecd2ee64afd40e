//! The bus between servers: one task with two connections to Redis, one to publish and one to subscribe.
//!
//! Published messages wait in a bounded queue and are sent in pipelines, which grow while a response is pending; topic
//! changes are batched in the same way. If a connection fails, or Redis answers no heartbeat, both are reconnected. It
//! must not interpret messages or wait for a slow Redis on behalf of a publisher.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::redis::Client;
use secrecy::ExposeSecret;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::local::LocalBus;
use super::redis_link::RedisLink;
use super::redis_task::{BusCommand, RedisTask};
use super::{Health, Settings, SharedLimits};
use crate::core::error::Error;

/// The maximum number of messages that wait to be sent; further ones are dropped.
const QUEUE: usize = 8192;
/// How long a flush waits for queued messages to be sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The handle of the Redis task. Clones share it; the task ends with the last of them.
#[derive(Clone)]
pub(super) struct RedisBus {
    queue: mpsc::Sender<BusCommand>,
    link: Arc<RedisLink>,
    counts: Arc<SharedLimits>,
}

impl RedisBus {
    pub(super) fn start(settings: Settings<'_>, local: LocalBus) -> Result<Self, Error> {
        let client = Client::open(settings.url.expose_secret()).map_err(|error| Error::internal(error))?;
        let (queue, commands) = mpsc::channel(QUEUE);
        let link = Arc::new(RedisLink::default());
        // Servers with another secret receive nothing, even on the same Redis.
        let namespace = format!("jeton:{}", settings.hash.of(b"namespace").get(..16).unwrap_or_default());
        let counts = Arc::new(SharedLimits::new(link.clone(), settings.hash, namespace.clone()));
        let task = RedisTask { client, local, link: link.clone(), namespace, server: settings.server.to_owned() };
        #[expect(clippy::disallowed_methods, reason = "lives exactly as long as the bus, below the app and its tasks")]
        tokio::spawn(task.run(commands));
        Ok(Self { queue, link, counts })
    }

    pub(super) fn publish(&self, topic: &str, payload: &Arc<[u8]>) {
        if self.queue.try_send(BusCommand::Publish { topic: topic.to_owned(), payload: payload.clone() }).is_err() {
            self.link.dropped.fetch_add(1, Relaxed);
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
        let link = &self.link;
        Health {
            is_up: link.is_up.load(Relaxed),
            connections: link.connections.load(Relaxed),
            sent: link.sent.load(Relaxed),
            received: link.received.load(Relaxed),
            dropped: link.dropped.load(Relaxed),
            counted_alone: link.counted_alone.load(Relaxed),
        }
    }

    pub(super) fn counts(&self) -> &SharedLimits {
        &self.counts
    }
}
