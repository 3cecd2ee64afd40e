//! The queue in front of the hashing threads: two bounded lanes, fair between addresses.
//!
//! Verifications may use every thread. New passwords leave one thread free, if there are several, and share the queue
//! for the rest, so that a flood of registrations delays a log-in by one or two hashes. Within a lane, at most as many
//! hashes of one address compete for threads as the lane has threads; its other hashes wait behind these, so that
//! another address waits for a few hashes, however many the first one queues. A full lane rejects immediately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::error::Error;
use crate::core::throttle::{ConcurrencyLimit, Permit};
use crate::core::viewer::ClientIp;

/// The share of a lane that one address may fill: an eighth.
const SHARE: usize = 8;
/// Seconds after which a rejected client may retry: about the time in which the default share is processed.
const RETRY_AFTER: u64 = 1;

/// A lane of the queue: the purpose of a hashing thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Verifying a password: log-ins, confirmations.
    Verification,
    /// Rating and hashing a new password: registrations, changes.
    NewPassword,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 2] = [Self::Verification, Self::NewPassword];

    /// Returns the name of the lane in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verification => "password_verifications",
            Self::NewPassword => "new_passwords",
        }
    }
}

/// The hashing threads, and the lanes in front of them.
pub(super) struct Queue {
    threads: Arc<Semaphore>,
    size: usize,
    verifications: LaneQueue,
    new_passwords: LaneQueue,
}

struct LaneQueue {
    places: ConcurrencyLimit<Option<ClientIp>>,
    max_places: usize,
    /// Permits to compete for a thread, by address: as many for each as the lane has threads.
    turns: Mutex<HashMap<Option<ClientIp>, Arc<Semaphore>>>,
    threads: Arc<Semaphore>,
    size: usize,
}

/// A place in a lane; dropping it releases the place.
pub(super) struct Entry {
    lane: Lane,
    address: Option<ClientIp>,
    _place: Permit<Option<ClientIp>>,
}

/// A permit for a hashing thread; dropping it releases the thread.
pub(super) struct HashPermit {
    _permits: [OwnedSemaphorePermit; 3],
}

impl Queue {
    /// Creates a queue for `threads` threads, with `max_queued` places in each lane.
    pub(super) fn new(threads: usize, max_queued: usize) -> Self {
        let lane = |size| LaneQueue {
            places: ConcurrencyLimit::new((max_queued / SHARE).max(1) as u64, max_queued),
            max_places: max_queued,
            turns: Mutex::default(),
            threads: Arc::new(Semaphore::new(size)),
            size,
        };
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            size: threads,
            verifications: lane(threads),
            new_passwords: lane(threads.saturating_sub(1).max(1)),
        }
    }

    /// Takes a place in a lane for a client of this address; `None` for operators and the command line.
    ///
    /// # Errors
    /// UNAVAILABLE if the lane is full, or the address has used up its share of it.
    pub(super) fn enter(&self, lane: Lane, address: Option<ClientIp>) -> Result<Entry, Error> {
        let place = self.lane(lane).places.take(address).map_err(|_| {
            Error::overloaded("Too many passwords are waiting to be checked. Try again in a moment.", RETRY_AFTER)
        })?;
        Ok(Entry { lane, address, _place: place })
    }

    /// Waits for a thread, then releases the place. A caller that disconnects meanwhile leaves the queue.
    ///
    /// # Errors
    /// INTERNAL if the queue is closed, which it never is.
    pub(super) async fn start(&self, entry: Entry) -> Result<HashPermit, Error> {
        let lane = self.lane(entry.lane);
        let turn = acquire(lane.turn(entry.address)).await?;
        let of_lane = acquire(lane.threads.clone()).await?;
        let thread = acquire(self.threads.clone()).await?;
        Ok(HashPermit { _permits: [turn, of_lane, thread] })
    }

    /// Returns the number of busy threads.
    pub(super) fn running(&self) -> usize {
        self.size.saturating_sub(self.threads.available_permits())
    }

    /// Returns the number of places taken in a lane.
    pub(super) fn waiting(&self, lane: Lane) -> usize {
        self.lane(lane).places.taken()
    }

    fn lane(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Verification => &self.verifications,
            Lane::NewPassword => &self.new_passwords,
        }
    }
}

impl LaneQueue {
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
    semaphore.acquire_owned().await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::core::error::Code;

    fn address(last: u8) -> Option<ClientIp> {
        Some(IpAddr::from([203, 0, 113, last]).into())
    }

    /// The last byte of an address, and the wait for its thread.
    type Waiting<'a> = (u8, BoxFuture<'a, HashPermit>);

    /// Returns the entries that can start now, in the order of arrival.
    fn started(waiting: &mut Vec<Waiting<'_>>) -> Vec<(u8, HashPermit)> {
        let mut started = Vec::new();
        waiting.retain_mut(|(of, start)| match start.now_or_never() {
            Some(permit) => {
                started.push((*of, permit));
                false
            }
            None => true,
        });
        started
    }

    fn start(queue: &Queue, lane: Lane, of: u8) -> Waiting<'_> {
        let entry = queue.enter(lane, address(of)).unwrap();
        (of, async move { queue.start(entry).await.unwrap() }.boxed())
    }

    #[test]
    fn a_full_lane_rejects_and_one_address_fills_an_eighth_of_it() {
        let queue = Queue::new(1, 32);
        let first = [1, 1, 1, 1].map(|of| queue.enter(Lane::Verification, address(of)).unwrap());
        let rejected = queue.enter(Lane::Verification, address(1)).err().unwrap();
        assert_eq!((rejected.code, rejected.retry_after), (Code::Unavailable, Some(1)));
        let others: Vec<_> = (8..36).map(|of| queue.enter(Lane::Verification, address(of / 4)).unwrap()).collect();
        assert!(queue.enter(Lane::Verification, address(9)).is_err(), "the lane is full");
        assert!(queue.enter(Lane::NewPassword, address(1)).is_ok(), "the other lane is not");
        assert_eq!(queue.waiting(Lane::Verification), 32);
        drop((first, others));
        assert_eq!(queue.waiting(Lane::Verification), 0);
    }

    #[test]
    fn an_address_with_many_hashes_holds_up_another_one_by_a_few() {
        let queue = Queue::new(2, 800);
        let mut waiting: Vec<_> = (0..100).map(|_| start(&queue, Lane::Verification, 1)).collect();
        let mut running = started(&mut waiting);
        assert_eq!(running.len(), 2);
        waiting.push(start(&queue, Lane::Verification, 2));
        assert!(started(&mut waiting).is_empty());
        running.remove(0);
        let next = started(&mut waiting);
        assert_eq!(next.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [2], "before 98 earlier ones");
    }

    #[test]
    fn new_passwords_leave_a_thread_to_verifications() {
        let queue = Queue::new(2, 800);
        let mut waiting: Vec<_> = (0..100).map(|of| start(&queue, Lane::NewPassword, of)).collect();
        let mut running = started(&mut waiting);
        assert_eq!(running.len(), 1);
        waiting.push(start(&queue, Lane::Verification, 200));
        running.extend(started(&mut waiting));
        assert_eq!(running.last().unwrap().0, 200);
        // Verifications do not starve new passwords either.
        waiting.extend((0..10).map(|_| start(&queue, Lane::Verification, 201)));
        assert!(started(&mut waiting).is_empty());
        drop(running);
        let next: Vec<_> = started(&mut waiting).iter().map(|(of, _)| *of).collect();
        assert!(next.contains(&1) && next.contains(&201), "{next:?}");
    }

    #[test]
    fn with_one_thread_a_verification_waits_for_one_new_password() {
        let queue = Queue::new(1, 800);
        let mut waiting: Vec<_> = (0..100).map(|of| start(&queue, Lane::NewPassword, of)).collect();
        let running = started(&mut waiting);
        assert_eq!(running.len(), 1);
        waiting.push(start(&queue, Lane::Verification, 200));
        assert!(started(&mut waiting).is_empty());
        drop(running);
        let mut order = Vec::new();
        loop {
            let next = started(&mut waiting);
            order.extend(next.iter().map(|(of, _)| *of));
            if order.contains(&200) {
                break;
            }
        }
        assert!(order.len() <= 2, "{order:?}");
    }

    #[test]
    fn a_caller_that_disconnects_leaves_the_queue() {
        let queue = Queue::new(1, 800);
        let mut waiting: Vec<_> = (0..3).map(|of| start(&queue, Lane::Verification, of)).collect();
        let running = started(&mut waiting);
        assert_eq!(queue.waiting(Lane::Verification), 2);
        drop(waiting.remove(0));
        assert_eq!(queue.waiting(Lane::Verification), 1);
        drop(running);
        assert_eq!(started(&mut waiting).first().unwrap().0, 2);
        assert_eq!((queue.running(), queue.waiting(Lane::Verification)), (0, 0));
    }

    #[test]
    fn the_memory_of_addresses_is_bounded() {
        let queue = Queue::new(1, 2);
        for number in 0..100u32 {
            let address = Some(IpAddr::from(number.to_be_bytes()).into());
            let entry = queue.enter(Lane::Verification, address).unwrap();
            queue.start(entry).now_or_never().unwrap().unwrap();
        }
        assert!(queue.verifications.turns.lock().unwrap().len() <= 8);
    }
}
