//! The two bounded queues in front of the hashing threads, fair between addresses.
//!
//! Verifications may use every thread. New passwords leave one thread free, if there are several, and compete for
//! the others, so that a flood of registrations delays a log-in by one or two hashes. Within a queue, at most as many
//! hashes of one address compete for threads as the queue has threads; its other hashes wait behind these, so that
//! another address waits for a few hashes, however many the first one queues. A full queue rejects immediately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::error::Error;
use crate::core::throttle::{ConcurrencyLimit, Permit};
use crate::core::viewer::ClientIp;

/// The share of a queue that one address may fill: an eighth.
const SHARE: usize = 8;
/// Seconds after which a rejected client may retry: about the time in which the default share is processed.
const RETRY_AFTER: u64 = 1;

/// The kind of a queue: the purpose of a hashing thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// Verifying a password: log-ins, confirmations.
    Verification,
    /// Rating and hashing a new password: registrations, changes.
    NewPassword,
}

impl QueueKind {
    /// All queues.
    pub const ALL: [Self; 2] = [Self::Verification, Self::NewPassword];

    /// Returns the name of the queue in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verification => "password_verifications",
            Self::NewPassword => "new_passwords",
        }
    }
}

/// The hashing threads, and the queues in front of them.
pub(super) struct Queues {
    threads: Arc<Semaphore>,
    size: usize,
    verifications: Queue,
    new_passwords: Queue,
}

struct Queue {
    places: ConcurrencyLimit<Option<ClientIp>>,
    max_places: usize,
    /// Permits to compete for a thread, by address: as many for each as the queue has threads.
    turns: Mutex<HashMap<Option<ClientIp>, Arc<Semaphore>>>,
    threads: Arc<Semaphore>,
    size: usize,
}

/// A place in a queue; dropping it releases the place.
pub(super) struct Entry {
    kind: QueueKind,
    address: Option<ClientIp>,
    _place: Permit<Option<ClientIp>>,
}

/// A permit for a hashing thread; dropping it releases the thread.
pub(super) struct HashPermit {
    _permits: [OwnedSemaphorePermit; 3],
}

impl Queues {
    /// Creates the queues for `threads` threads, with `max_queued` places in each queue.
    pub(super) fn new(threads: usize, max_queued: usize) -> Self {
        let queue = |size| Queue {
            places: ConcurrencyLimit::new((max_queued / SHARE).max(1) as u64, max_queued),
            max_places: max_queued,
            turns: Mutex::default(),
            threads: Arc::new(Semaphore::new(size)),
            size,
        };
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            size: threads,
            verifications: queue(threads),
            new_passwords: queue(threads.saturating_sub(1).max(1)),
        }
    }

    /// Takes a place in a queue for a client of this address; `None` for operators and the command line.
    ///
    /// # Errors
    /// UNAVAILABLE if the queue is full, or the address has used up its share of it.
    pub(super) fn enter(&self, kind: QueueKind, address: Option<ClientIp>) -> Result<Entry, Error> {
        let place = self.queue(kind).places.take(address).map_err(|_| {
            Error::overloaded("Too many passwords are waiting to be checked. Try again in a moment.", RETRY_AFTER)
        })?;
        Ok(Entry { kind, address, _place: place })
    }

    /// Waits for a thread, then releases the place. A caller that disconnects meanwhile leaves the queue.
    ///
    /// # Errors
    /// INTERNAL if a queue is closed, which it never is.
    pub(super) async fn start(&self, entry: Entry) -> Result<HashPermit, Error> {
        let queue = self.queue(entry.kind);
        let turn = acquire(queue.turn(entry.address)).await?;
        let of_queue = acquire(queue.threads.clone()).await?;
        let thread = acquire(self.threads.clone()).await?;
        Ok(HashPermit { _permits: [turn, of_queue, thread] })
    }

    /// Returns the number of busy threads.
    pub(super) fn running(&self) -> usize {
        self.size.saturating_sub(self.threads.available_permits())
    }

    /// Returns the number of places taken in a queue.
    pub(super) fn waiting(&self, kind: QueueKind) -> usize {
        self.queue(kind).places.taken()
    }

    fn queue(&self, kind: QueueKind) -> &Queue {
        match kind {
            QueueKind::Verification => &self.verifications,
            QueueKind::NewPassword => &self.new_passwords,
        }
    }
}

impl Queue {
    fn turn(&self, address: Option<ClientIp>) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // At most as many are in use as there are places and threads.
        if turns.len() > 2 * (self.max_places + self.size) {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(address).or_insert_with(|| Arc::new(Semaphore::new(self.size))).clone()
    }
}

async fn acquire(semaphore: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    semaphore.acquire_owned().await.map_err(|error| Error::internal(error))
}

#[cfg(test)]
mod tests;
