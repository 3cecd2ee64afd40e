//! Request bodies: received whole, within a timeout, and within byte budgets.
//!
//! Checks run in the order length, rate, budget, bytes. A large body reserves its bytes before it is read: those of its
//! `Content-Length`, or as it grows if it is chunked. They are released when the last copy of the returned [`Bytes`] is
//! dropped, so that an owner of the body also owns the reservation. A small body reserves none as long as it arrives
//! without a wait, as nearly all do. The rate of large bodies is limited by user and by address, also before they are
//! read and whatever the response is: rejected bodies cost their sender nothing. While a body is awaited, its bytes
//! also count for the client's address: no address can keep other clients from sending by sending slowly itself,
//! however many users it has.

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

/// Maximum bytes of a small body: any usual message. Small bodies are processed on the task that receives them.
pub const SMALL: usize = 64 << 10;
/// Maximum number of large bodies that are processed concurrently.
const WORKERS: usize = 2;
/// Seconds after which to retry when a budget is exhausted.
const RETRY_AFTER: u64 = 1;

/// The byte budgets and rate limits of request bodies.
pub struct Bodies {
    timeout: Duration,
    /// Bytes of bodies that are awaited, by the client's address.
    arriving: ByteBudget<Option<ClientIp>>,
    /// Bytes of large bodies in memory, by owner.
    held: ByteBudget<Owner>,
    /// Rate of large bodies, in KiB, by owner and by the client's address.
    rate: RateLimiter<Owner>,
    workers: Arc<Semaphore>,
}

/// The owner of a body, whose share of the budget it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An authenticated user.
    User(i64),
    /// The client's address, if it is known.
    Address(Option<ClientIp>),
}

/// The limits of one body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum bytes.
    pub bytes: usize,
    /// The owner whose share it counts for, as long as it is in memory.
    pub owner: Owner,
    /// The address whose share it counts for while it is awaited.
    pub address: Option<ClientIp>,
}

impl Bodies {
    /// Creates the budgets. A body has to arrive within `timeout`. All large bodies take at most `total` bytes, and
    /// those of one client at most `share`; a client may send `per_second` bytes per second after a burst of one share,
    /// without a limit if 0.
    pub fn new(timeout: Duration, total: usize, share: usize, per_second: usize) -> Self {
        Self {
            timeout,
            arriving: ByteBudget::new(total, share),
            held: ByteBudget::new(total, share),
            rate: RateLimiter::per_second(kib(per_second), kib(share)),
            workers: Arc::new(Semaphore::new(WORKERS)),
        }
    }

    /// Returns the bytes of bodies that are awaited, and of large bodies in memory.
    pub fn in_use(&self) -> (usize, usize) {
        (self.arriving.in_use(), self.held.in_use())
    }

    /// Forgets the rates of clients that have sent no large bodies for a while.
    pub fn forget_idle(&self) {
        self.rate.forget_idle();
    }

    /// Returns whether a body is large, as far as its declared length shows: a chunked one may be.
    ///
    /// # Errors
    /// PAYLOAD_TOO_LARGE if the declared length exceeds the limit.
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
    /// PAYLOAD_TOO_LARGE; RATE_LIMITED if the client's rate or share is exhausted, UNAVAILABLE if the budget is, both
    /// with the seconds to wait; REQUEST_TIMEOUT if the body takes too long; INVALID_INPUT if it is truncated.
    pub async fn read<B>(&self, metrics: &Metrics, body: B, limits: Limits) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.is_large(&body, limits)?;
        let received = timeout(self.timeout, self.receive(metrics, body, limits)).await;
        received.unwrap_or_else(|_| Err(Error::new(Code::RequestTimeout, "The request body arrived too slowly.")))
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
                |error: B::Error| Error::new(Code::InvalidInput, "The request body was truncated.").with_source(error);
            let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
            let bytes = received.len() + data.len();
            if bytes > limits.bytes {
                return Err(too_large());
            }
            if bytes > SMALL && length.is_none() {
                // Grows by doubling, as a vector does.
                reserved.hold(bytes.next_power_of_two().min(limits.bytes))?;
            }
            received.push(data);
        }
        Ok(match reserved.held {
            Some(reservation) => Bytes::from_owner(Held { bytes: received.whole(), _reservation: reservation }),
            None => received.whole(),
        })
    }

    /// Runs work that takes time in proportion to a body of this length: immediately for a small body, else on one of a
    /// few threads. Waiting work is bounded by the budget that the bodies are reserved from.
    ///
    /// # Errors
    /// INTERNAL if it panics.
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
            // The permit moves with the work: a client that disconnects does not let more work start.
            let _permit = permit;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

/// The reservations of a body so far.
struct Reserved<'a> {
    bodies: &'a Bodies,
    metrics: &'a Metrics,
    limits: Limits,
    held: Option<Reservation<Owner>>,
    arriving: Option<Reservation<Option<ClientIp>>>,
}

impl Reserved<'_> {
    /// Reserves this many bytes in total, in both budgets.
    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.count(bytes.saturating_sub(self.held.as_ref().map_or(0, Reservation::bytes)))?;
        let held = reserve(&self.bodies.held, &mut self.held, self.limits.owner, bytes);
        self.told(held)?;
        self.wait(bytes)
    }

    /// Counts bytes against the rates of the owner and of the address.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let address = Owner::Address(self.limits.address);
        let both = if self.limits.owner == address { None } else { Some(address) };
        for owner in std::iter::once(self.limits.owner).chain(both) {
            let words = "Your requests send too many bytes per second. Try again in a moment.";
            let counted = self.bodies.rate.check_many(&owner, kib(bytes), words);
            self.metrics.count_rate_limited("request_bytes_of_client", counted)?;
        }
        Ok(())
    }

    /// Reserves this many bytes in total while the body is awaited.
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

/// The received bytes of a body. Each chunk is copied behind the previous one: a list of chunks would take more memory
/// than the chunks themselves if a client sends a byte at a time. A body that arrives as one chunk is not copied.
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

/// A body with its reservation.
struct Held {
    bytes: Bytes,
    _reservation: Reservation<Owner>,
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

fn too_large() -> Error {
    Error::new(Code::PayloadTooLarge, "The request body is too large.")
}

/// Returns the error of [`Bodies::read`] that a library's error has as its cause; INVALID_INPUT if it has none.
pub fn reason(error: &(dyn StdError + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(Error { code, message, retry_after, .. }) = error.downcast_ref() {
            return Error { retry_after: *retry_after, ..Error::new(*code, message) };
        }
        cause = error.source();
    }
    Error::new(Code::InvalidInput, "The request body was truncated.")
}

#[cfg(test)]
mod tests;
