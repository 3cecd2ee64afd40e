//! Histograms of durations, and their buckets.

use std::time::Instant;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// A histogram of durations in seconds.
pub struct Timer(pub(super) Histogram);

impl Timer {
    /// Observes the duration of a future.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let done = work.await;
        self.since(since);
        done
    }

    /// Observes the time since `began`.
    pub fn since(&self, began: Instant) {
        self.0.observe(began.elapsed().as_secs_f64());
    }
}

/// Buckets from half a millisecond to eight seconds.
pub(super) fn quick() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 15))
}

/// Buckets from a hundredth of a second to five minutes.
pub(super) fn slow() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 16))
}
