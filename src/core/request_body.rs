//! Request bodies: received whole, in time, and within budgets of bytes.
//!
//! The order is length, then rate, then budget, then bytes. A large body takes its bytes from a budget before it is read, as its
//! `Content-Length` says or, in chunks, as it grows; they are given back when the last copy of the returned [`Bytes`] is
//! dropped, so whoever keeps the body keeps the reservation. A small body takes none while it comes without waiting, which
//! is how nearly all of them come. What large bodies one user and one address may send in a second is limited before they
//! are read too, however they are answered: bodies that are refused cost their sender nothing. While a body is waited for, its bytes also count for the client's address: no address
//! can keep others from sending by sending slowly itself, however many users it has.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::core::byte_budget::{ByteBudget, Exhausted, Reservation};
use crate::core::error::{Code, Error};
use crate::core::throttle::RateLimiter;
use crate::core::viewer::ClientIp;
use crate::infra::metrics::Metrics;

/// Bodies up to this many bytes count as small: any usual message. They are read where they arrive.
pub const SMALL: usize = 64 << 10;
/// Large bodies that are worked on at once.
const WORKERS: usize = 2;
/// When to come again after a budget was exhausted, in seconds.
const RETRY_AFTER: u64 = 1;

/// The budgets of request bodies.
pub struct Bodies {
    timeout: Duration,
    /// Bodies that are waited for, by the client's address.
    arriving: ByteBudget<Option<ClientIp>>,
    /// Large bodies in memory, by owner.
    held: ByteBudget<Owner>,
    /// KiB of large bodies, by owner and by the client's address.
    rate: RateLimiter<Owner>,
    workers: Arc<Semaphore>,
}

/// Whose share of the budget a body counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user who proved who they are.
    User(i64),
    /// The client's address, where it is known.
    Address(Option<ClientIp>),
}

/// What bounds one body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes at most.
    pub bytes: usize,
    /// Whose share it counts for, for as long as it is in memory.
    pub owner: Owner,
    /// The address whose share it counts for while it is waited for.
    pub address: Option<ClientIp>,
}

impl Bodies {
    /// A body takes at most `timeout`; all large ones together at most `total` bytes, and those of one client `share`, of
    /// which it may send `per_second` bytes in a second once it has sent a share at once; 0 for as many as it likes.
    pub fn new(timeout: Duration, total: usize, share: usize, per_second: usize) -> Self {
        Self {
            timeout,
            arriving: ByteBudget::new(total, share),
            held: ByteBudget::new(total, share),
            rate: RateLimiter::per_second(kib(per_second), kib(share)),
            workers: Arc::new(Semaphore::new(WORKERS)),
        }
    }

    /// Bytes of bodies that are waited for, and of large ones in memory.
    pub fn in_use(&self) -> (usize, usize) {
        (self.arriving.in_use(), self.held.in_use())
    }

    /// Forgets those who have sent no large bodies for a while.
    pub fn forget_idle(&self) {
        self.rate.forget_idle();
    }

    /// Whether a body is a large one, as far as it says before it is read: one in chunks may be.
    ///
    /// # Errors
    /// PAYLOAD_TOO_LARGE.
    pub fn is_large(&self, body: &impl Body, limits: Limits) -> Result<bool, Error> {
        let size = body.size_hint();
        if size.lower() > limits.bytes as u64 {
            return Err(too_large());
        }
        Ok(size.upper().is_none_or(|most| most > SMALL as u64))
    }

    /// Receives a body.
    ///
    /// # Errors
    /// PAYLOAD_TOO_LARGE; RATE_LIMITED where the client's share is exhausted, UNAVAILABLE where the budget is, both with
    /// the seconds to wait; REQUEST_TIMEOUT where the
    /// body takes too long; INVALID_INPUT where it is cut off.
    pub async fn read<B>(&self, metrics: &Metrics, body: B, limits: Limits) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.is_large(&body, limits)?;
        let received = timeout(self.timeout, self.receive(metrics, body, limits)).await;
        received.unwrap_or_else(|_| Err(Error::new(Code::RequestTimeout, "The request body came too slowly.")))
    }

    async fn receive<B>(&self, metrics: &Metrics, body: B, limits: Limits) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let mut body = pin!(body);
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let mut reserved = Reserved { bodies: self, metrics, limits, held: None, arriving: None };
        if let Some(length) = length.filter(|length| *length > SMALL) {
            reserved.hold(length)?;
        }
        let mut received = Received { expected: length.unwrap_or_default(), first: None, more: Vec::new() };
        loop {
            let frame = match poll!(pin!(body.frame())) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    reserved.wait(length.unwrap_or(SMALL))?;
                    body.frame().await
                }
            };
            let Some(frame) = frame else { break };
            let cut_off =
                |error: B::Error| Error::new(Code::InvalidInput, "The request body broke off.").with_source(error);
            let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
            let bytes = received.len() + data.len();
            if bytes > limits.bytes {
                return Err(too_large());
            }
            if bytes > SMALL && length.is_none() {
                // As a list grows that doubles.
                reserved.hold(bytes.next_power_of_two().min(limits.bytes))?;
            }
            received.push(data);
        }
        Ok(match reserved.held {
            Some(reservation) => Bytes::from_owner(Held { bytes: received.whole(), _reservation: reservation }),
            None => received.whole(),
        })
    }

    /// Runs what takes time in proportion to a body of this length: at once for a small one, else on one of a few threads.
    /// Those that wait are bounded by the budget, which their bodies are taken from.
    ///
    /// # Errors
    /// INTERNAL where it panics.
    pub async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if bytes <= SMALL {
            return Ok(work());
        }
        let permit = self.workers.clone().acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            // The permit goes with the work: a client that goes away does not let more of it start.
            let _permit = permit;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

/// What a body has taken so far.
struct Reserved<'a> {
    bodies: &'a Bodies,
    metrics: &'a Metrics,
    limits: Limits,
    held: Option<Reservation<Owner>>,
    arriving: Option<Reservation<Option<ClientIp>>>,
}

impl Reserved<'_> {
    /// Reserves this many bytes in all, in both budgets.
    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.count(bytes.saturating_sub(self.held.as_ref().map_or(0, Reservation::bytes)))?;
        let held = reserve(&self.bodies.held, &mut self.held, self.limits.owner, bytes);
        self.told(held)?;
        self.wait(bytes)
    }

    /// Counts bytes for the rates of the owner and of the address.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let address = Owner::Address(self.limits.address);
        let both = if self.limits.owner == address { None } else { Some(address) };
        for owner in std::iter::once(self.limits.owner).chain(both) {
            let words = "Your requests bring too many bytes in too short a time. Try again in a moment.";
            let counted = self.bodies.rate.check_many(&owner, kib(bytes), words);
            self.metrics.count_rate_limited("request_bytes_of_client", counted)?;
        }
        Ok(())
    }

    /// Reserves this many bytes in all for as long as the body is waited for.
    fn wait(&mut self, bytes: usize) -> Result<(), Error> {
        let waiting = reserve(&self.bodies.arriving, &mut self.arriving, self.limits.address, bytes);
        self.told(waiting)
    }

    fn told(&self, outcome: Result<(), Exhausted>) -> Result<(), Error> {
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

/// What has come of a body. Each part is copied behind the one before: a list of parts would take more memory than they,
/// where a client sends a byte at a time. A body that comes in one part is not copied.
struct Received {
    expected: usize,
    first: Option<Bytes>,
    more: Vec<u8>,
}

impl Received {
    fn len(&self) -> usize {
        self.first.as_ref().map_or(self.more.len(), Bytes::len)
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            self.more.reserve_exact(self.expected);
            self.more.extend_from_slice(&first);
        }
        self.more.extend_from_slice(&data);
    }

    fn whole(self) -> Bytes {
        self.first.unwrap_or_else(|| self.more.into())
    }
}

/// A body with the bytes that it has taken from the budget.
struct Held {
    bytes: Bytes,
    _reservation: Reservation<Owner>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes as KiB, of which a part counts as a whole one.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

fn too_large() -> Error {
    Error::new(Code::PayloadTooLarge, "The request body is too large.")
}

/// Why a body could not be read, as [`Bodies::read`] said it, from an error of a library that has it as its cause.
pub fn reason(error: &(dyn StdError + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(Error { code, message, retry_after, .. }) = error.downcast_ref() {
            return Error { retry_after: *retry_after, ..Error::new(*code, message) };
        }
        cause = error.source();
    }
    Error::new(Code::InvalidInput, "The request body broke off.")
}

#[cfg(test)]
mod tests;
