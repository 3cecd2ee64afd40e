//! The byte budgets and rates of request bodies, and the reservations of one body.

use hyper::body::Bytes;

use crate::core::byte_budget::{ByteBudget, Exhausted, Reservation};
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::throttle::RateLimiter;
use crate::core::viewer::ClientIp;
use crate::infra::metrics::Metrics;

/// Seconds after which to retry when a budget is exhausted.
const RETRY_AFTER: u64 = 1;

/// The owner of a body, whose share of the budget it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyOwner {
    /// An authenticated user.
    User(UserId),
    /// The client's address, if it is known.
    Address(Option<ClientIp>),
}

/// The limits of one body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum bytes.
    pub bytes: usize,
    /// The owner whose share it counts for, as long as it is in memory.
    pub owner: BodyOwner,
    /// The address whose share it counts for while it is awaited.
    pub address: Option<ClientIp>,
}

/// The budgets of all bodies.
pub(super) struct Budgets {
    /// Bytes of bodies that are awaited, by the client's address.
    arriving: ByteBudget<Option<ClientIp>>,
    /// Bytes of large bodies in memory, by owner.
    held: ByteBudget<BodyOwner>,
    /// Rate of large bodies, in KiB, by owner and by the client's address.
    rate: RateLimiter<BodyOwner>,
}

impl Budgets {
    /// Creates the budgets, see [`Bodies::new`](super::Bodies::new).
    pub(super) fn new(total: usize, share: usize, per_second: usize) -> Self {
        Self {
            arriving: ByteBudget::new(total, share),
            held: ByteBudget::new(total, share),
            rate: RateLimiter::per_second(kib(per_second), kib(share)),
        }
    }

    /// Returns the bytes of bodies that are awaited, and of large bodies in memory.
    pub(super) fn in_use(&self) -> (usize, usize) {
        (self.arriving.in_use(), self.held.in_use())
    }

    pub(super) fn evict_idle(&self) {
        self.rate.evict_idle();
    }
}

/// The reservations of a body so far.
pub(super) struct Reserved<'a> {
    budgets: &'a Budgets,
    metrics: &'a Metrics,
    limits: Limits,
    held: Option<Reservation<BodyOwner>>,
    arriving: Option<Reservation<Option<ClientIp>>>,
}

impl<'a> Reserved<'a> {
    /// Reserves nothing yet.
    pub(super) fn new(budgets: &'a Budgets, metrics: &'a Metrics, limits: Limits) -> Self {
        Self { budgets, metrics, limits, held: None, arriving: None }
    }

    /// Attaches the reservation to the received bytes: it is released with the last copy of them.
    pub(super) fn attach(self, bytes: Bytes) -> Bytes {
        match self.held {
            Some(reservation) => Bytes::from_owner(Held { bytes, _reservation: reservation }),
            None => bytes,
        }
    }

    /// Reserves this many bytes in total, in both budgets.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.count(bytes.saturating_sub(self.held.as_ref().map_or(0, Reservation::bytes)))?;
        let held = reserve(&self.budgets.held, &mut self.held, self.limits.owner, bytes);
        self.report(held)?;
        self.wait(bytes)
    }

    /// Counts bytes against the rates of the owner and of the address.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let address = BodyOwner::Address(self.limits.address);
        let both = if self.limits.owner == address { None } else { Some(address) };
        for owner in std::iter::once(self.limits.owner).chain(both) {
            let words = "Your requests send too many bytes per second. Try again in a moment.";
            let counted = self.budgets.rate.check_many(&owner, kib(bytes), words);
            self.metrics.count_rate_limited("request_bytes_of_client", counted)?;
        }
        Ok(())
    }

    /// Reserves this many bytes in total while the body is awaited.
    pub(super) fn wait(&mut self, bytes: usize) -> Result<(), Error> {
        let waiting = reserve(&self.budgets.arriving, &mut self.arriving, self.limits.address, bytes);
        self.report(waiting)
    }

    fn report(&self, outcome: Result<(), Exhausted>) -> Result<(), Error> {
        let (kind, error): (_, fn() -> Error) = match outcome {
            Ok(()) => return Ok(()),
            Err(Exhausted::Owner) => ("request_bodies_of_client", || {
                Error::rate_limited("Too many bytes of your requests are in flight. Wait for one of them.", RETRY_AFTER)
            }),
            Err(Exhausted::Total) => ("request_bodies", || Error {
                retry_after: Some(RETRY_AFTER),
                ..Error::new(Code::Unavailable, "Too many bytes of requests are in flight. Try again in a moment.")
            }),
        };
        self.metrics.count_rate_limited(kind, outcome).map_err(|_| error())
    }
}

fn reserve<K: Copy + Eq + std::hash::Hash>(
    budget: &ByteBudget<K>,
    reservation: &mut Option<Reservation<K>>,
    owner: K,
    bytes: usize,
) -> Result<(), Exhausted> {
    match reservation {
        Some(reservation) if reservation.bytes() >= bytes => Ok(()),
        Some(reservation) => reservation.grow(bytes - reservation.bytes()),
        none => {
            *none = Some(budget.reserve(owner, bytes)?);
            Ok(())
        }
    }
}

/// A body with its reservation.
struct Held {
    bytes: Bytes,
    _reservation: Reservation<BodyOwner>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns bytes as KiB, rounded up.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
