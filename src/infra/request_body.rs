//! Request bodies: received whole, within a timeout, and within byte budgets.
//!
//! Checks run in the order length, rate, budget, bytes. A large body reserves its bytes before it is read: those of its
//! `Content-Length`, or as it grows if it is chunked. They are released when the last copy of the returned [`Bytes`] is
//! dropped, so that an owner of the body also owns the reservation. A small body reserves none as long as it arrives
//! without a wait, as nearly all do. The rate of large bodies is limited by user and by address, also before they are
//! read and whatever the response is: rejected bodies cost their sender nothing. While a body is awaited, its bytes
//! also count for the client's address: no address can keep other clients from sending by sending slowly itself,
//! however many users it has.

mod budgets;
mod received;

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

pub use self::budgets::{BodyOwner, Limits};
use self::budgets::{Budgets, Reserved};
use self::received::Received;
use crate::core::error::{Code, Error};
use crate::infra::metrics::Metrics;

/// Maximum bytes of a small body: any usual message. Small bodies are processed on the task that receives them.
pub const SMALL: usize = 64 << 10;
/// Maximum number of large bodies that are processed concurrently.
const WORKERS: usize = 2;
/// The byte budgets and rate limits of request bodies.
pub struct Bodies {
    timeout: Duration,
    budgets: Budgets,
    workers: Arc<Semaphore>,
}

impl Bodies {
    /// Creates the budgets. A body has to arrive within `timeout`. All large bodies take at most `total` bytes, and
    /// those of one client at most `share`; a client may send `per_second` bytes per second after a burst of one share,
    /// without a limit if 0.
    pub fn new(timeout: Duration, total: usize, share: usize, per_second: usize) -> Self {
        Self { timeout, budgets: Budgets::new(total, share, per_second), workers: Arc::new(Semaphore::new(WORKERS)) }
    }

    /// Returns the bytes of bodies that are awaited, and of large bodies in memory.
    pub fn in_use(&self) -> (usize, usize) {
        self.budgets.in_use()
    }

    /// Drops the rates of clients that have sent no large bodies for a while.
    pub fn evict_idle(&self) {
        self.budgets.evict_idle();
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
        let mut reserved = Reserved::new(&self.budgets, metrics, limits);
        if let Some(length) = length.filter(|length| *length > SMALL) {
            reserved.hold(length)?;
        }
        let mut received = Received::new(length.unwrap_or_default());
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
        Ok(reserved.attach(received.whole()))
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
        let permit = self.workers.clone().acquire_owned().await.map_err(|error| Error::internal(error))?;
        let done = tokio::task::spawn_blocking(move || {
            // The permit moves with the work: a client that disconnects does not let more work start.
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| Error::internal(error))
    }
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
