//! Bounds the memory of buffered responses: an event, or a whole response, is buffered before it is passed on.
//!
//! Each response may buffer a little without a permit. A larger one needs one of a few permits, for which it waits, and
//! its upstream with it; the permit belongs to the bytes until they have been sent. The holder of a permit waits for no
//! other, so there is no deadlock.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of bytes that each response may buffer without a permit.
pub(super) const FREE: usize = 256 << 10;
/// The number of permits for larger responses.
const LARGE_ANSWERS: usize = 3;

/// The permits for large responses. Clones share them.
#[derive(Clone)]
pub(super) struct LargeAnswers(Arc<Semaphore>);

/// A permit, or `None` until it is needed.
#[derive(Default)]
pub(super) struct LargeAnswer(Option<OwnedSemaphorePermit>);

impl Default for LargeAnswers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_ANSWERS)))
    }
}

impl LargeAnswers {
    /// Waits for a permit, if there is none yet and this number of bytes needs one.
    pub(super) async fn take(&self, permit: &mut LargeAnswer, bytes: usize) {
        if bytes > FREE && permit.0.is_none() {
            // The semaphore is never closed.
            permit.0 = self.0.clone().acquire_owned().await.ok();
        }
    }
}

impl LargeAnswer {
    /// Wraps bytes so that the permit is released when their last copy is dropped.
    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> Bytes {
        match self.0.take() {
            Some(permit) => Bytes::from_owner(Permitted { bytes, _permit: permit }),
            None => bytes.into(),
        }
    }
}

struct Permitted {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Permitted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
