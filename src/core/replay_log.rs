//! The replay log: recordings of responses, kept while they are generated and for a while longer. A recording is a list
//! that grows, is finished once, and is followed from its beginning by any number of readers.
//!
//! The memory comes from one budget, unfinished recordings included, with a share for each user. If a chunk does not
//! fit, the oldest finished recordings are evicted, those of the same user first. A response that still does not fit is
//! no longer replayable: its current followers receive all of it, at the pace of the slowest, and no other reader can
//! follow it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_stream::stream;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::core::byte_budget::{ByteBudget, Exhausted, Reservation};

/// How long a finished recording is kept.
const TTL: Duration = Duration::from_secs(600);
/// Overhead of a recording, and of a chunk in it, in bytes.
const LIST_BYTES: usize = 500;
const PART_BYTES: usize = 128;
/// Maximum bytes that are buffered for the followers of a response that is not replayable.
const WINDOW: usize = 256 << 10;

/// A cache of recordings, by chat.
pub struct ReplayCache<T> {
    budget: ByteBudget<i64>,
    ttl: Duration,
    kept: Mutex<CachedLog<T>>,
}

struct CachedLog<T> {
    by_chat: HashMap<i64, Arc<Recording<T>>>,
    /// The finished recordings by age: when they finished, the user id and the chat id.
    by_age: BTreeMap<u64, (Instant, i64, i64)>,
    /// The finished recordings by user and age.
    by_user: BTreeSet<(i64, u64)>,
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
    pub fn begin(&self, user_id: i64) -> Arc<Recording<T>> {
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
    pub fn insert(&self, chat_id: i64, recording: &Arc<Recording<T>>) {
        recording.chat_id.set(chat_id).ok();
        if recording.lock().replayable {
            self.lock().by_chat.insert(chat_id, recording.clone());
        }
    }

    /// Returns the recording of a chat, to be followed from its beginning.
    pub fn get(&self, chat_id: i64) -> Option<Arc<Recording<T>>> {
        self.forget_old();
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
        self.forget_old();
        let mut kept = self.lock();
        if kept.by_chat.contains_key(&chat_id) {
            kept.finished += 1;
            let number = kept.finished;
            kept.by_age.insert(number, (Instant::now(), recording.user_id, chat_id));
            kept.by_user.insert((recording.user_id, number));
        }
    }

    /// Drops the recordings whose TTL has expired.
    pub fn forget_old(&self) {
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
    fn evict(&self, user_id: i64, exhausted: Exhausted) -> bool {
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

/// A recording: a response that grows until it is finished.
pub struct Recording<T> {
    user_id: i64,
    chat_id: OnceLock<i64>,
    state: Mutex<State<T>>,
    /// Notifies of changes: followers that wait for chunks, and the producer that waits for followers.
    changed: watch::Sender<()>,
}

struct State<T> {
    /// The chunks in memory, with their bytes, and the index of the first of them.
    parts: VecDeque<(T, usize)>,
    first: usize,
    /// The sum of their bytes.
    bytes: usize,
    reserved: Option<Reservation<i64>>,
    /// All chunks are in memory, and stay there.
    replayable: bool,
    finished: bool,
    /// The index of the next chunk of each follower.
    followers: Vec<Arc<AtomicUsize>>,
}

/// A follower was too slow, and has missed chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

impl<T: Clone + Send + 'static> Recording<T> {
    fn new(user_id: i64, reserved: Option<Reservation<i64>>) -> Self {
        let state = State {
            parts: VecDeque::new(),
            first: 0,
            bytes: 0,
            replayable: reserved.is_some(),
            reserved,
            finished: false,
            followers: Vec::new(),
        };
        Self { user_id, chat_id: OnceLock::new(), state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// Returns all chunks from the beginning, then new ones until the response is finished.
    pub fn follow(self: Arc<Self>) -> impl Stream<Item = Result<T, Lagged>> + Send {
        // Registered now, not when the stream is first polled.
        let follower = Follower::new(self);
        stream! {
            let mut changed = follower.recording.changed.subscribe();
            loop {
                match follower.next() {
                    Next::Part(part) => yield Ok(part),
                    Next::Missed => {
                        yield Err(Lagged);
                        return;
                    }
                    Next::End => return,
                    // The recording holds the sender, so that the channel is never closed.
                    Next::Wait => if changed.changed().await.is_err() { return },
                }
            }
        }
    }

    /// Adds a chunk permanently.
    ///
    /// # Errors
    /// `None` if the recording is not replayable; else the limit of the budget that the chunk exceeds.
    fn keep(&self, part: &T, bytes: usize) -> Result<(), Option<Exhausted>> {
        let mut state = self.lock();
        if !state.replayable {
            return Err(None);
        }
        if let Some(reserved) = &mut state.reserved {
            reserved.grow(bytes).map_err(Some)?;
        }
        state.add(part.clone(), bytes);
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    /// Ends the replayability of the recording; returns whether it was replayable.
    fn release(&self) -> bool {
        let mut state = self.lock();
        let was = std::mem::take(&mut state.replayable);
        if was {
            state.trim();
        }
        was
    }

    /// Adds a chunk for the followers, once their buffer has space for it.
    async fn pass(&self, part: T, bytes: usize, write_timeout: Duration) {
        let deadline = Instant::now() + write_timeout;
        let mut changed = self.changed.subscribe();
        let mut late = false;
        loop {
            {
                let mut state = self.lock();
                if late {
                    state.leave_slowest_behind();
                }
                state.trim();
                if state.followers.is_empty() {
                    state.first += 1;
                    return;
                }
                if state.bytes == 0 || state.bytes.saturating_add(bytes) <= WINDOW {
                    state.add(part, bytes);
                    break;
                }
            }
            late = timeout_at(deadline, changed.changed()).await.is_err();
        }
        self.changed.send_replace(());
    }

    /// Marks the recording as finished.
    fn finish(&self) {
        self.lock().finished = true;
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn add(&mut self, part: T, bytes: usize) {
        self.parts.push_back((part, bytes));
        self.bytes += bytes;
    }

    /// Drops the chunks that all followers have received.
    fn trim(&mut self) {
        let end = self.first + self.parts.len();
        let next = self.followers.iter().map(|at| at.load(Ordering::Relaxed)).min().unwrap_or(end);
        while self.first < next
            && let Some((_, bytes)) = self.parts.pop_front()
        {
            self.first += 1;
            self.bytes -= bytes;
        }
        if let Some(reserved) = &mut self.reserved {
            reserved.shrink_to(self.bytes);
        }
    }

    fn leave_slowest_behind(&mut self) {
        let slowest = self.followers.iter().map(|at| at.load(Ordering::Relaxed)).min();
        self.followers.retain(|at| Some(at.load(Ordering::Relaxed)) != slowest);
    }
}

/// A follower of a recording, registered until this is dropped.
struct Follower<T: Clone + Send + 'static> {
    recording: Arc<Recording<T>>,
    at: Arc<AtomicUsize>,
}

enum Next<T> {
    Part(T),
    Missed,
    Wait,
    End,
}

impl<T: Clone + Send + 'static> Follower<T> {
    fn new(recording: Arc<Recording<T>>) -> Self {
        let at = Arc::new(AtomicUsize::new(0));
        let mut state = recording.lock();
        // If the beginning has been dropped, no chunk is buffered for this follower.
        if state.first == 0 {
            state.followers.push(at.clone());
        }
        drop(state);
        Self { recording, at }
    }

    fn next(&self) -> Next<T> {
        let mut state = self.recording.lock();
        let at = self.at.load(Ordering::Relaxed);
        let Some(index) = at.checked_sub(state.first) else { return Next::Missed };
        let Some((part, _)) = state.parts.get(index) else {
            return if state.finished { Next::End } else { Next::Wait };
        };
        let part = part.clone();
        self.at.store(at + 1, Ordering::Relaxed);
        if !state.replayable {
            state.trim();
            drop(state);
            self.recording.changed.send_replace(());
        }
        Next::Part(part)
    }
}

impl<T: Clone + Send + 'static> Drop for Follower<T> {
    fn drop(&mut self) {
        let mut state = self.recording.lock();
        state.followers.retain(|at| !Arc::ptr_eq(at, &self.at));
        if !state.replayable {
            state.trim();
        }
        drop(state);
        self.recording.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests;
