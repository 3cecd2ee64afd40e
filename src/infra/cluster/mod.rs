//! The message bus: publish/subscribe within one server and between servers. Transports opaque bytes and must not know
//! about chats.
//!
//! Delivery is best effort: a slow receiver lags, and no message is stored. The database is the source of truth; every
//! subscriber must work without messages.
//!
//! Without Redis, [`local`] is the whole bus. With Redis ([`redis`]) the same topics are also delivered between
//! servers: a message is delivered locally at once, and to peers shortly after. A topic has a Redis channel while it
//! has a subscription on this server. New subscribers receive [`BusEvent::Lagged`] once the channel is open, since they
//! received nothing until then. While Redis is unavailable, no messages are exchanged between servers; after a
//! reconnect the subscribers of all topics with a channel of their own receive [`BusEvent::Lagged`]. Limits that
//! servers share are in [`shared_limits`].

mod local;
mod redis;
mod redis_link;
mod redis_task;
mod shared_limits;

use std::sync::Arc;

use secrecy::SecretString;

use self::local::LocalBus;
pub use self::local::Subscription;
use self::redis::RedisBus;
pub use self::shared_limits::{AttemptQuota, RateQuota, SharedLimits};
use crate::core::error::Error;
use crate::core::keyed_hash::KeyedHash;

/// The prefix of broadcast topics: they use one channel, to which all servers are subscribed at all times. For
/// short-lived topics with few messages, such as one per chat: no channel has to be opened and closed for each.
pub const TO_ALL: &str = "all:";

fn is_for_all(topic: &str) -> bool {
    topic.starts_with(TO_ALL)
}

/// The bus. Clones share it.
#[derive(Clone)]
pub struct Bus {
    local: LocalBus,
    remote: Option<RedisBus>,
}

/// The connection settings of a bus over Redis.
pub struct Settings<'a> {
    /// The address: `redis://..` or `rediss://..`
    pub url: &'a SecretString,
    /// The unique name of this server.
    pub server: &'a str,
    /// The keyed hash of usernames and addresses, the same on all servers. Servers with another key that use the same
    /// Redis form a cluster of their own.
    pub hash: KeyedHash,
}

/// The state of the connection to Redis, and counters of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether Redis is reachable.
    pub is_up: bool,
    /// Connections established.
    pub connections: u64,
    /// Messages sent to Redis.
    pub sent: u64,
    /// Messages received from peers.
    pub received: u64,
    /// Messages that no peer received: Redis was unavailable, or the queue was full.
    pub dropped: u64,
    /// Limit decisions made by this server alone, since Redis did not answer in time.
    pub counted_alone: u64,
}

impl Bus {
    /// Creates a bus within this process.
    pub fn local() -> Self {
        Self { local: LocalBus::default(), remote: None }
    }

    /// Creates a bus between servers. Connects and reconnects in the background; until then it works as a local bus.
    ///
    /// # Errors
    /// INTERNAL, with the reason as its source, if the address is invalid.
    pub fn redis(settings: Settings<'_>) -> Result<Self, Error> {
        let local = LocalBus::watched();
        let remote = RedisBus::start(settings, local.clone())?;
        Ok(Self { local, remote: Some(remote) })
    }

    /// Publishes a message to the current subscribers. Never waits: a message that can't be queued for other servers is
    /// dropped. `message` is not called if there can be no subscriber.
    pub fn publish(&self, topic: &str, message: impl FnOnce() -> Vec<u8>) {
        match &self.remote {
            None => self.local.deliver(topic, || BusEvent::Message(message().into())),
            Some(remote) => {
                let message: Arc<[u8]> = message().into();
                self.local.deliver(topic, || BusEvent::Message(message.clone()));
                remote.publish(topic, &message);
            }
        }
    }

    /// Subscribes to a topic; earlier messages are not delivered.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        self.local.subscribe(topic)
    }

    /// Flushes the published messages to Redis, for a second at most. For servers that shut down.
    pub async fn sent(&self) {
        if let Some(remote) = &self.remote {
            remote.sent().await;
        }
    }

    /// Returns the state of the Redis connection; `None` without Redis. Costs nothing.
    pub fn health(&self) -> Option<Health> {
        self.remote.as_ref().map(RedisBus::health)
    }

    /// Returns the limits that servers share; `None` without Redis.
    pub fn shared_limits(&self) -> Option<&SharedLimits> {
        self.remote.as_ref().map(RedisBus::counts)
    }
}

/// An event that a subscriber receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusEvent {
    /// The next message.
    Message(Arc<[u8]>),
    /// Messages may have been lost; the database has the current state.
    Lagged,
}
