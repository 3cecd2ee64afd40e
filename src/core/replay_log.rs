//! Answers that are kept while they are made, and a while longer: lists that grow, are finished once, and are followed by
//! any number of readers from their beginning.
//!
//! Their memory comes from one budget, open ones included, with a share for each user. What does not fit drops the oldest
//! finished ones, those of the same user first. An answer that does not fit even so is replayable no longer: who follows
//! it already still gets all of it, as fast as the slowest of them reads, and nobody else can follow it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_stream::stream;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::core::byte_budget::{ByteBudget, Exhausted, Reservation};

/// How long a finished answer is kept.
const TTL: Duration = Duration::from_secs(600);
/// What a list takes besides its parts, and a part besides its bytes.
const LIST_BYTES: usize = 500;
const PART_BYTES: usize = 128;
/// Bytes that wait for those who follow an answer that is not replayable.
const WINDOW: usize = 256 << 10;

/// The answers that are kept, by chat.
pub struct ReplayCache<T> {
    budget: ByteBudget<i64>,
    ttl: Duration,
    kept: Mutex<CachedLog<T>>,
}

struct CachedLog<T> {
    by_chat: HashMap<i64, Arc<Recording<T>>>,
    /// The finished ones by age: when, and which of whom.
    by_age: BTreeMap<u64, (Instant, i64, i64)>,
    /// The same by user and age.
    by_user: BTreeSet<(i64, u64)>,
    finished: u64,
}

impl<T: Clone + Send + 'static> ReplayCache<T> {
    /// Keeps at most `total` bytes, and of one user `share`.
    pub fn new(total: usize, share: usize) -> Self {
        let kept =
            CachedLog { by_chat: HashMap::new(), by_age: BTreeMap::new(), by_user: BTreeSet::new(), finished: 0 };
        Self { budget: ByteBudget::new(total, share), ttl: TTL, kept: Mutex::new(kept) }
    }

    /// The bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.budget.in_use()
    }

    /// An answer that is about to be made for a user.
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

    /// Lets retries of this chat follow the answer.
    pub fn insert(&self, chat_id: i64, recording: &Arc<Recording<T>>) {
        recording.chat_id.set(chat_id).ok();
        if recording.lock().replayable {
            self.lock().by_chat.insert(chat_id, recording.clone());
        }
    }

    /// The answer of a chat, from its beginning.
    pub fn get(&self, chat_id: i64) -> Option<Arc<Recording<T>>> {
        self.forget_old();
        self.lock().by_chat.get(&chat_id).cloned()
    }

    /// Adds a part of so many bytes. Where there is no memory for it, it waits for those who follow the answer, at most for
    /// `patience`; then the slowest of them follow it no longer.
    pub async fn push(&self, recording: &Recording<T>, part: T, bytes: usize, patience: Duration) {
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
        recording.pass(part, bytes, patience).await;
    }

    /// Nothing is added any more.
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

    /// Drops what has been kept for long enough.
    pub fn forget_old(&self) {
        let mut kept = self.lock();
        while let Some((&number, (finished_at, ..))) = kept.by_age.first_key_value()
            && finished_at.elapsed() >= self.ttl
        {
            kept.drop_finished(number);
        }
    }

    /// Drops all answers.
    pub fn invalidate_all(&self) {
        let mut kept = self.lock();
        kept.by_chat.clear();
        kept.by_age.clear();
        kept.by_user.clear();
    }

    /// Drops the oldest finished answer of the user, or of anybody where the whole budget is exhausted; says whether there
    /// was one.
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

    /// Forgets an answer that is replayable no longer.
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

/// An answer that grows until it is finished.
pub struct Recording<T> {
    user_id: i64,
    chat_id: OnceLock<i64>,
    state: Mutex<State<T>>,
    /// Something has changed: for those who wait for parts, and for who waits for them.
    changed: watch::Sender<()>,
}

struct State<T> {
    /// The parts in memory, with their bytes, and the number of the first of them.
    parts: VecDeque<(T, usize)>,
    first: usize,
    /// What they take together.
    bytes: usize,
    reserved: Option<Reservation<i64>>,
    /// All parts are in memory, and stay there.
    replayable: bool,
    finished: bool,
    /// Where those are who follow it: the number of the part that they take next.
    followers: Vec<Arc<AtomicUsize>>,
}

/// Who follows an answer was too slow for it, and some parts are gone.
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

    /// Everything from the beginning, then what comes, until the answer is finished.
    pub fn follow(self: Arc<Self>) -> impl Stream<Item = Result<T, Lagged>> + Send {
        // From now on, whenever it is looked at first.
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
                    // The answer holds its own end of the channel, so that it is never closed.
                    Next::Wait => if changed.changed().await.is_err() { return },
                }
            }
        }
    }

    /// Adds a part for good.
    ///
    /// # Errors
    /// Where it is not replayable; or which limit of the budget the part exceeds.
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

    /// From now on it is not replayable; says whether it was.
    fn release(&self) -> bool {
        let mut state = self.lock();
        let was = std::mem::take(&mut state.replayable);
        if was {
            state.trim();
        }
        was
    }

    /// Adds a part for those who follow it, once there is room for it.
    async fn pass(&self, part: T, bytes: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
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

    /// Nothing comes any more.
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

    /// Drops what all who follow it have taken.
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

/// One who follows an answer, until this is dropped.
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
        // Where the beginning is gone already, nothing is kept for it.
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
