//! One recording, and its followers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_stream::stream;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::core::byte_budget::{Exhausted, Reservation};
use crate::core::ids::{ChatId, UserId};

/// Maximum bytes that are buffered for the followers of a response that is not replayable.
pub(super) const WINDOW: usize = 256 << 10;

/// A recording: a response that grows until it is finished.
pub struct Recording<T> {
    pub(super) user_id: UserId,
    pub(super) chat_id: OnceLock<ChatId>,
    state: Mutex<State<T>>,
    /// Notifies of changes: followers that wait for chunks, and the producer that waits for followers.
    changed: watch::Sender<()>,
}

pub(super) struct State<T> {
    /// The chunks in memory, with their bytes, and the index of the first of them.
    parts: VecDeque<(T, usize)>,
    first: usize,
    /// The sum of their bytes.
    pub(super) bytes: usize,
    reserved: Option<Reservation<UserId>>,
    /// All chunks are in memory, and stay there.
    replayable: bool,
    finished: bool,
    /// The index of the next chunk of each follower.
    followers: Vec<Arc<AtomicUsize>>,
}

/// A follower was too slow, and has lost chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

impl<T: Clone + Send + 'static> Recording<T> {
    pub(super) fn new(user_id: UserId, reserved: Option<Reservation<UserId>>) -> Self {
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
                    Next::Lagged => {
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
    pub(super) fn keep(&self, part: &T, bytes: usize) -> Result<(), Option<Exhausted>> {
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

    pub(super) fn is_replayable(&self) -> bool {
        self.lock().replayable
    }

    /// Ends the replayability of the recording; returns whether it was replayable.
    pub(super) fn release(&self) -> bool {
        let mut state = self.lock();
        let was = std::mem::take(&mut state.replayable);
        if was {
            state.trim();
        }
        was
    }

    /// Adds a chunk for the followers, once their buffer has space for it.
    pub(super) async fn pass(&self, part: T, bytes: usize, write_timeout: Duration) {
        let deadline = Instant::now() + write_timeout;
        let mut changed = self.changed.subscribe();
        let mut late = false;
        loop {
            {
                let mut state = self.lock();
                if late {
                    state.drop_slowest();
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
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.changed.send_replace(());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
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

    fn drop_slowest(&mut self) {
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
    Lagged,
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
        let Some(index) = at.checked_sub(state.first) else { return Next::Lagged };
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
