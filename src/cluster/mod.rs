//! News between the parts of one server, and between servers. Carries opaque bytes and knows nothing of chats.
//!
//! News may be lost: a slow receiver misses some, and nobody keeps them for later. The database is the truth; whoever
//! receives news must be able to go on without.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// News that a receiver may lag behind before it misses some.
/// Each topic has room for so many, so it is small.
const CAPACITY: usize = 64;

type Topics = HashMap<String, broadcast::Sender<Arc<[u8]>>>;

/// The bus, within this process. Clones share their topics.
#[derive(Clone, Default)]
pub struct Bus {
    topics: Arc<Mutex<Topics>>,
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Self {
        Self::default()
    }

    /// Sends news to those who listen now. `news` is not asked for where nobody does.
    pub fn publish(&self, topic: &str, news: impl FnOnce() -> Vec<u8>) {
        let sender = self.topics.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        if let Some(sender) = sender {
            // Nobody left to hear it is no error.
            sender.send(news().into()).ok();
        }
    }

    /// Listens to a topic from now on.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = topics.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(CAPACITY).0);
        Subscription { receiver: Some(sender.subscribe()), topic: topic.to_owned(), bus: self.clone() }
    }
}

/// What a receiver hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The next news.
    Message(Arc<[u8]>),
    /// Some were lost; the database knows.
    Missed,
}

/// A place at a topic. Ends when it is dropped; a topic without receivers is forgotten.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<Arc<[u8]>>>,
    topic: String,
    bus: Bus,
}

impl Subscription {
    /// Waits for the next news. Nothing is lost where the waiting is given up.
    pub async fn next(&mut self) -> News {
        match &mut self.receiver {
            Some(receiver) => match receiver.recv().await {
                Ok(message) => News::Message(message),
                Err(_) => News::Missed,
            },
            None => News::Missed,
        }
    }

    /// Forgets the news that are waiting.
    pub fn skip(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            *receiver = receiver.resubscribe();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.bus.topics.lock().unwrap_or_else(PoisonError::into_inner);
        // Leaving first, under the lock, so that of the last two to leave one sees that nobody is left.
        self.receiver = None;
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_reach_everybody_who_listens_and_topics_are_forgotten() {
        let bus = Bus::local();
        bus.publish("chat:1", || panic!("nobody listens"));
        let (mut one, mut two) = (bus.subscribe("chat:1"), bus.subscribe("chat:1"));
        bus.publish("chat:1", || b"a".to_vec());
        assert_eq!(one.next().await, News::Message(b"a"[..].into()));
        assert_eq!(two.next().await, News::Message(b"a"[..].into()));
        drop(one);
        assert_eq!(bus.topics.lock().unwrap().len(), 1);
        drop(two);
        assert!(bus.topics.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn news_that_wait_can_be_skipped() {
        let bus = Bus::local();
        let mut late = bus.subscribe("t");
        bus.publish("t", || b"a".to_vec());
        late.skip();
        bus.publish("t", || b"b".to_vec());
        assert_eq!(late.next().await, News::Message(b"b"[..].into()));
    }

    #[tokio::test]
    async fn a_slow_receiver_is_told_that_it_missed_some() {
        let bus = Bus::local();
        let mut slow = bus.subscribe("t");
        for i in 0..=CAPACITY {
            bus.publish("t", || i.to_string().into_bytes());
        }
        assert_eq!(slow.next().await, News::Missed);
        assert_eq!(slow.next().await, News::Message(b"1"[..].into()));
    }
}
