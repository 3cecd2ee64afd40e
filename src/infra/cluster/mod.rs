//! News between the parts of one server, and between servers. Carries opaque bytes and knows nothing of chats.
//!
//! News may be lost: a slow receiver misses some, and nobody keeps them for later. The database is the truth; whoever
//! receives news must be able to go on without.
//!
//! [`local`] is all there is of one server. With Redis the same topics go between servers too ([`redis`]): what is
//! published here is heard here at once, and by the others a moment later. A topic has a channel there for as long as
//! somebody listens to it on this server, and whoever began to listen is told [`News::Missed`] once the channel is open,
//! since nothing was heard until then. While Redis is away nothing goes between servers, and when it is back everybody has
//! missed something. What servers count together is in [`counts`].

mod local;
mod redis;
mod shared_limits;

use std::sync::Arc;

use secrecy::SecretString;

use self::local::LocalBus;
pub use self::local::Subscription;
use self::redis::RedisBus;
pub use self::shared_limits::{AttemptQuota, RateQuota, SharedLimits};
use crate::core::error::Error;
use crate::core::keyed_hash::KeyedHash;

/// How topics begin that go to all servers by one channel, to which they all listen at all times. Right for topics that
/// come and go with every message and on which little is said: no channel has to be opened and closed for each.
pub const TO_ALL: &str = "all:";

fn is_for_all(topic: &str) -> bool {
    topic.starts_with(TO_ALL)
}

/// The bus. Clones are the same one.
#[derive(Clone)]
pub struct Bus {
    local: LocalBus,
    remote: Option<RedisBus>,
}

/// How a bus over Redis is reached, and who speaks.
pub struct Settings<'a> {
    /// `redis://..` or `rediss://..`
    pub url: &'a SecretString,
    /// This server, by a name that no other one has.
    pub server: &'a str,
    /// What names of people and addresses are hashed with, the same on all servers. Those with another one that use the
    /// same Redis are strangers.
    pub hash: KeyedHash,
}

/// What goes on between servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether Redis answers.
    pub is_up: bool,
    /// How often it was connected to.
    pub connections: u64,
    /// News that were sent to it.
    pub sent: u64,
    /// News of other servers.
    pub received: u64,
    /// News that no other server heard: Redis was away, or too much waited for it.
    pub dropped: u64,
    /// Times that limits were decided by this server alone, since Redis gave no answer in time.
    pub counted_alone: u64,
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Self {
        Self { local: LocalBus::default(), remote: None }
    }

    /// A bus between servers. Connects in the background, now and whenever it has to; until then it is a local one.
    ///
    /// # Errors
    /// INTERNAL, with a source that says what is wrong with the address.
    pub fn redis(settings: Settings<'_>) -> Result<Self, Error> {
        let local = LocalBus::watched();
        let remote = RedisBus::start(settings, local.clone())?;
        Ok(Self { local, remote: Some(remote) })
    }

    /// Sends news to those who listen now. Never waits: what can't be sent to other servers at once is dropped. `news` is
    /// not asked for where nobody can listen.
    pub fn publish(&self, topic: &str, news: impl FnOnce() -> Vec<u8>) {
        match &self.remote {
            None => self.local.deliver(topic, || BusEvent::Message(news().into())),
            Some(remote) => {
                let news: Arc<[u8]> = news().into();
                self.local.deliver(topic, || BusEvent::Message(news.clone()));
                remote.publish(topic, &news);
            }
        }
    }

    /// Listens to a topic from now on.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        self.local.subscribe(topic)
    }

    /// Waits, for a moment at most, until what was published has been sent to other servers: for those who end now.
    pub async fn sent(&self) {
        if let Some(remote) = &self.remote {
            remote.sent().await;
        }
    }

    /// What goes on between servers; none where there is one server. Costs nothing.
    pub fn health(&self) -> Option<Health> {
        self.remote.as_ref().map(RedisBus::health)
    }

    /// What servers count together; none where there is one server.
    pub fn shared_limits(&self) -> Option<&SharedLimits> {
        self.remote.as_ref().map(RedisBus::counts)
    }
}

/// What a receiver hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusEvent {
    /// The next news.
    Message(Arc<[u8]>),
    /// Some may have been lost; the database knows.
    Lagged,
}
