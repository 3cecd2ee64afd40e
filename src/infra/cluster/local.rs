//! In-process publish/subscribe: topics and their subscriptions on this server. Must not do any I/O.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, broadcast};

use super::{BusEvent, is_for_all};

/// The messages that a receiver may lag behind before it receives [`BusEvent::Lagged`]. Small, since each topic
/// allocates a buffer of this size.
const CAPACITY: usize = 16;

/// The topics with at least one subscription on this server. Clones share them.
#[derive(Clone, Default)]
pub(super) struct LocalBus(Arc<LocalBusInner>);

#[derive(Default)]
struct LocalBusInner {
    topics: Mutex<HashMap<String, broadcast::Sender<BusEvent>>>,
    /// Topics that got their first receiver or lost their last one, for the Redis task; `None` without Redis.
    changed: Option<TopicChanges>,
}

#[derive(Default)]
struct TopicChanges {
    topics: Mutex<HashSet<String>>,
    notify: Notify,
}

impl LocalBus {
    /// Creates a bus that records topic changes for [`LocalBus::changed`].
    pub(super) fn watched() -> Self {
        Self(Arc::new(LocalBusInner { changed: Some(TopicChanges::default()), ..LocalBusInner::default() }))
    }

    /// Delivers an event to the current subscribers. `event` is only called if there are any.
    pub(super) fn deliver(&self, topic: &str, event: impl FnOnce() -> BusEvent) {
        let sender = self.topics().get(topic).cloned();
        if let Some(sender) = sender {
            // A send without receivers is no error: the last one may have unsubscribed meanwhile.
            sender.send(event()).ok();
        }
    }

    pub(super) fn subscribe(&self, topic: &str) -> Subscription {
        let mut topics = self.topics();
        let (sender, is_new) = match topics.get(topic) {
            Some(sender) => (sender.clone(), false),
            None => (topics.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(CAPACITY).0).clone(), true),
        };
        let receiver = Some(sender.subscribe());
        drop(topics);
        if is_new {
            self.note(topic);
        }
        Subscription { receiver, topic: topic.to_owned(), local: self.clone() }
    }

    /// Returns whether the topic has a subscription on this server.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.topics().contains_key(topic)
    }

    /// Returns all topics with a subscription on this server, except broadcast topics, and clears the recorded changes.
    pub(super) fn all(&self) -> HashSet<String> {
        if let Some(changed) = &self.0.changed {
            changed.topics.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.topics().keys().filter(|topic| !is_for_all(topic)).cloned().collect()
    }

    /// Waits until topics were added or removed. A topic that was added and removed in between may be included.
    pub(super) async fn changed(&self) -> HashSet<String> {
        let Some(changed) = &self.0.changed else { return std::future::pending().await };
        loop {
            let topics = std::mem::take(&mut *changed.topics.lock().unwrap_or_else(PoisonError::into_inner));
            if !topics.is_empty() {
                return topics;
            }
            changed.notify.notified().await;
        }
    }

    fn note(&self, topic: &str) {
        if let Some(changed) = self.0.changed.as_ref().filter(|_| !is_for_all(topic)) {
            changed.topics.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned());
            changed.notify.notify_one();
        }
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<String, broadcast::Sender<BusEvent>>> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription to a topic. Dropping it unsubscribes; a topic without receivers is removed.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<BusEvent>>,
    topic: String,
    local: LocalBus,
}

impl Subscription {
    /// Waits for the next event. Cancel-safe: no event is lost if the future is dropped.
    pub async fn next(&mut self) -> BusEvent {
        match &mut self.receiver {
            Some(receiver) => receiver.recv().await.unwrap_or(BusEvent::Lagged),
            None => BusEvent::Lagged,
        }
    }

    /// Discards the buffered events.
    pub fn skip(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            *receiver = receiver.resubscribe();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.local.topics();
        // Unsubscribe first, under the lock, so that one of the last two receivers sees a count of zero.
        self.receiver = None;
        let is_last = topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0);
        if is_last {
            topics.remove(&self.topic);
        }
        drop(topics);
        if is_last {
            self.local.note(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests;
