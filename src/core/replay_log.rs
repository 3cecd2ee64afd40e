//! The replay log: recordings of responses, kept while they are generated and for a while longer. A recording is a list
//! that grows, is finished once, and is followed from its beginning by any number of readers.
//!
//! The memory comes from one budget, unfinished recordings included, with a share for each user. If a chunk does not
//! fit, the oldest finished recordings are evicted, those of the same user first. A response that still does not fit is
//! no longer replayable: its current followers receive all of it, at the pace of the slowest, and no other reader can
//! follow it.

mod recording;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use self::recording::{Lagged, Recording};
use crate::core::byte_budget::{ByteBudget, Exhausted};
use crate::core::ids::{ChatId, UserId};

/// How long a finished recording is kept.
const TTL: Duration = Duration::from_secs(600);
/// Overhead of a recording, and of a chunk in it, in bytes.
const LIST_BYTES: usize = 500;
const PART_BYTES: usize = 128;
/// A cache of recordings, by chat.
pub struct ReplayCache<T> {
    budget: ByteBudget<UserId>,
    ttl: Duration,
    kept: Mutex<CachedLog<T>>,
}

struct CachedLog<T> {
    by_chat: HashMap<ChatId, Arc<Recording<T>>>,
    /// The finished recordings by age: when they finished, the user id and the chat id.
    by_age: BTreeMap<u64, (Instant, UserId, ChatId)>,
    /// The finished recordings by user and age.
    by_user: BTreeSet<(UserId, u64)>,
    finished: u64,
}

impl<T: Clone + Send + 'static> ReplayCache<T> {
    /// Creates a cache of at most `total` bytes, of which one user gets at most `share`.
    pub fn new(total: usize, share: usize) -> Self {
        let kept =
            CachedLog { by_chat: HashMap::new(), by_age: BTreeMap::new(), by_user: BTreeSet::new(), finished: 0 };
        Self { budget: ByteBudget::new(total, share), ttl: TTL, kept: Mutex::new(kept) }
    }

    /// Returns the number of bytes in use.
    pub fn bytes(&self) -> usize {
        self.budget.in_use()
    }

    /// Begins the recording of a response for a user.
    pub fn begin(&self, user_id: UserId) -> Arc<Recording<T>> {
        let reserved = loop {
            match self.budget.reserve(user_id, LIST_BYTES) {
                Ok(reserved) => break Some(reserved),
                Err(exhausted) if self.evict(user_id, exhausted) => {}
                Err(_) => break None,
            }
        };
        Arc::new(Recording::new(user_id, reserved))
    }

    /// Makes the recording available to retries of this chat, if it is replayable.
    pub fn insert(&self, chat_id: ChatId, recording: &Arc<Recording<T>>) {
        recording.chat_id.set(chat_id).ok();
        if recording.is_replayable() {
            self.lock().by_chat.insert(chat_id, recording.clone());
        }
    }

    /// Returns the recording of a chat, to be followed from its beginning.
    pub fn get(&self, chat_id: ChatId) -> Option<Arc<Recording<T>>> {
        self.evict_expired();
        self.lock().by_chat.get(&chat_id).cloned()
    }

    /// Adds a chunk of `bytes` bytes. If the budget has no memory for it, it waits for the followers of the response,
    /// with `write_timeout` as the timeout; then the slowest followers lag and are dropped.
    pub async fn push(&self, recording: &Recording<T>, part: T, bytes: usize, write_timeout: Duration) {
        let bytes = bytes.saturating_add(PART_BYTES);
        loop {
            let exhausted = match recording.keep(&part, bytes) {
                Ok(()) => return,
                Err(exhausted) => exhausted,
            };
            if !exhausted.is_some_and(|exhausted| self.evict(recording.user_id, exhausted)) {
                break;
            }
        }
        if recording.release() {
            self.remove(recording);
        }
        recording.pass(part, bytes, write_timeout).await;
    }

    /// Finishes a recording: no chunk follows.
    pub fn finish(&self, recording: &Recording<T>) {
        recording.finish();
        let Some(&chat_id) = recording.chat_id.get() else { return };
        self.evict_expired();
        let mut kept = self.lock();
        if kept.by_chat.contains_key(&chat_id) {
            kept.finished += 1;
            let number = kept.finished;
            kept.by_age.insert(number, (Instant::now(), recording.user_id, chat_id));
            kept.by_user.insert((recording.user_id, number));
        }
    }

    /// Drops the recordings whose TTL has expired.
    pub fn evict_expired(&self) {
        let mut kept = self.lock();
        while let Some((&number, (finished_at, ..))) = kept.by_age.first_key_value()
            && finished_at.elapsed() >= self.ttl
        {
            kept.drop_finished(number);
        }
    }

    /// Drops all recordings.
    pub fn invalidate_all(&self) {
        let mut kept = self.lock();
        kept.by_chat.clear();
        kept.by_age.clear();
        kept.by_user.clear();
    }

    /// Drops the oldest finished recording of the user or, if there is none and the whole budget is exhausted, of any
    /// user; returns whether one was dropped.
    fn evict(&self, user_id: UserId, exhausted: Exhausted) -> bool {
        let mut kept = self.lock();
        let own = kept.by_user.range((user_id, 0)..=(user_id, u64::MAX)).next().map(|(_, number)| *number);
        let oldest = || kept.by_age.keys().next().copied();
        let number = own.or_else(|| if exhausted == Exhausted::Total { oldest() } else { None });
        number.is_some_and(|number| {
            kept.drop_finished(number);
            true
        })
    }

    /// Drops a recording that is no longer replayable.
    fn remove(&self, recording: &Recording<T>) {
        if let Some(chat_id) = recording.chat_id.get() {
            self.lock().by_chat.remove(chat_id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CachedLog<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> CachedLog<T> {
    fn drop_finished(&mut self, number: u64) {
        if let Some((_, user_id, chat_id)) = self.by_age.remove(&number) {
            self.by_user.remove(&(user_id, number));
            self.by_chat.remove(&chat_id);
        }
    }
}

#[cfg(test)]
mod tests;
