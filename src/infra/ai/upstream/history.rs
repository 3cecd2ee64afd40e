//! The calls of an upstream in the last hour: counts, and histograms of durations, in memory of a fixed size.
//!
//! A message only adds to counters, and waits for no lock; the last error has one, which only failed calls take.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::MAX_EXCERPT_BYTES;
use crate::infra::ai::route_state::{CallSummary, Quantiles, RouteError, RouteErrorKind, RouteTotals};

/// The period of a slot. The last hour is that of all slots, the current one included: 55 to 60 minutes.
const SLOT: Duration = Duration::from_secs(5 * 60);
const SLOTS: usize = 12;
const KINDS: usize = RouteErrorKind::ALL.len();

/// The history of an upstream. Empty, it is small: most models of a large catalog are not used in an hour.
pub(super) struct History {
    since: Instant,
    slots: OnceLock<Box<[Slot; SLOTS]>>,
    calls: AtomicU64,
    errors: [AtomicU64; KINDS],
    last_error: Mutex<Option<(RouteErrorKind, String, Instant)>>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            slots: OnceLock::new(),
            calls: AtomicU64::new(0),
            errors: Default::default(),
            last_error: Mutex::default(),
        }
    }
}

impl History {
    /// Records the beginning of a call.
    pub(super) fn begin(self: &Arc<Self>, began: Instant) -> Call {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.record(began, |slot| increment(&slot.calls));
        Call { history: self.clone(), began, is_over: false }
    }

    /// Returns the calls of the last hour.
    pub(super) fn last_hour(&self, now: Instant) -> CallSummary {
        let Some(slots) = self.slots.get() else { return CallSummary::default() };
        let current = self.number(now);
        let oldest = current.saturating_sub(SLOTS as u64 - 1).max(1);
        let recent = || slots.iter().filter(|slot| (oldest..=current).contains(&slot.number.load(Ordering::Relaxed)));
        let sum = |of: &dyn Fn(&Slot) -> &AtomicU32| recent().map(|slot| u64::from(load(of(slot)))).sum();
        let of_kind = |(at, kind): (usize, RouteErrorKind)| {
            let failed = recent().filter_map(|slot| slot.errors.get(at)).map(|count| u64::from(load(count)));
            (kind, failed.sum())
        };
        CallSummary {
            calls: sum(&|slot| &slot.calls),
            stopped: sum(&|slot| &slot.stopped),
            errors: RouteErrorKind::ALL.into_iter().enumerate().map(of_kind).filter(|(_, count)| *count > 0).collect(),
            first_byte: Durations::quantiles(recent().map(|slot| &slot.first_byte)),
            whole: Durations::quantiles(recent().map(|slot| &slot.whole)),
        }
    }

    /// Returns the last error.
    pub(super) fn last_error(&self, now: Instant) -> Option<RouteError> {
        let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.map(|(kind, message, at)| RouteError { kind, message, age: now.saturating_duration_since(at) })
    }

    /// Returns all calls; `None` before the first.
    pub(super) fn totals(&self) -> Option<RouteTotals> {
        let calls = self.calls.load(Ordering::Relaxed);
        let count = |kind: RouteErrorKind| {
            let count = self.errors.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed));
            (kind, count)
        };
        (calls > 0).then(|| RouteTotals { calls, errors: RouteErrorKind::ALL.map(count) })
    }

    /// Returns the number of the slot of a time, from 1.
    fn number(&self, now: Instant) -> u64 {
        1 + now.saturating_duration_since(self.since).as_secs() / SLOT.as_secs()
    }

    fn record(&self, now: Instant, add: impl FnOnce(&Slot)) {
        let slots = self.slots.get_or_init(|| Box::new(std::array::from_fn(|_| Slot::default())));
        let number = self.number(now);
        let Some(slot) = slots.get(usize::try_from(number).unwrap_or_default() % SLOTS) else { return };
        // What another call adds while this one clears the slot may be lost: a count of thousands may be one less.
        if slot.number.load(Ordering::Relaxed) != number && slot.number.swap(number, Ordering::Relaxed) != number {
            slot.clear();
        }
        add(slot);
    }
}

/// A call that has begun. Dropped before its end, it counts as stopped.
pub(super) struct Call {
    history: Arc<History>,
    began: Instant,
    is_over: bool,
}

impl Call {
    /// Records the first byte of the response.
    pub(super) fn first_byte(&self, now: Instant) {
        self.history.record(now, |slot| slot.first_byte.add(now.saturating_duration_since(self.began)));
    }

    /// Records the end of a complete response.
    pub(super) fn complete(&mut self, now: Instant) {
        self.history.record(now, |slot| slot.whole.add(now.saturating_duration_since(self.began)));
        self.is_over = true;
    }

    /// Records the failure of the call. The message has no API key in it.
    pub(super) fn fail(&mut self, kind: RouteErrorKind, mut message: String, now: Instant) {
        message.truncate(message.floor_char_boundary(MAX_EXCERPT_BYTES));
        if let Some(count) = self.history.errors.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.history.record(now, |slot| slot.errors.get(kind as usize).into_iter().for_each(increment));
        *self.history.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, message, now));
        self.is_over = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            self.history.record(Instant::now(), |slot| increment(&slot.stopped));
        }
    }
}

/// The calls of five minutes.
#[derive(Default)]
struct Slot {
    /// The number of the five minutes; 0 if the slot was never used.
    number: AtomicU64,
    calls: AtomicU32,
    stopped: AtomicU32,
    errors: [AtomicU32; KINDS],
    first_byte: Durations,
    whole: Durations,
}

impl Slot {
    fn clear(&self) {
        let counts = [&self.calls, &self.stopped].into_iter().chain(&self.errors);
        counts.chain(&self.first_byte.0).chain(&self.whole.0).for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

/// Buckets of a histogram for each doubling of the duration.
const BUCKETS_PER_OCTAVE: f64 = 4.0;
/// Buckets from a millisecond to a quarter of an hour.
const BUCKETS: usize = 80;

/// A histogram of durations.
struct Durations([AtomicU32; BUCKETS]);

impl Default for Durations {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0)))
    }
}

impl Durations {
    fn add(&self, duration: Duration) {
        let milliseconds = (duration.as_secs_f64() * 1000.0).max(1.0);
        let bucket = (milliseconds.log2() * BUCKETS_PER_OCTAVE) as usize;
        self.0.get(bucket.min(BUCKETS - 1)).into_iter().for_each(increment);
    }

    /// Returns the quantiles of several histograms; `None` if they are empty.
    fn quantiles<'a>(all: impl Iterator<Item = &'a Self>) -> Option<Quantiles> {
        let mut counts = [0; BUCKETS];
        for one in all {
            counts.iter_mut().zip(&one.0).for_each(|(sum, count)| *sum += u64::from(load(count)));
        }
        let total: u64 = counts.iter().sum();
        let quantile = |percent: u64| {
            let rank = (total * percent).div_ceil(100);
            let mut below = 0;
            let bucket = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            // The middle of the bucket.
            let octaves = (bucket.unwrap_or_default() as f64 + 0.5) / BUCKETS_PER_OCTAVE;
            Duration::from_secs_f64(octaves.exp2() / 1000.0)
        };
        (total > 0).then(|| Quantiles { p50: quantile(50), p95: quantile(95) })
    }
}

fn increment(count: &AtomicU32) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn load(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_for_an_hour() {
        let history = Arc::new(History::default());
        let start = Instant::now();
        assert_eq!(history.last_hour(start), CallSummary::default());
        assert!(history.totals().is_none() && history.last_error(start).is_none());
        for _ in 0..20 {
            let mut call = history.begin(start);
            call.first_byte(start + Duration::from_millis(100));
            call.complete(start + Duration::from_secs(1));
        }
        history.begin(start).fail(RouteErrorKind::RateLimited, "é".repeat(MAX_EXCERPT_BYTES), start);
        drop(history.begin(start));
        let now = history.last_hour(start);
        assert_eq!((now.calls, now.stopped, now.errors), (22, 1, vec![(RouteErrorKind::RateLimited, 1)]));
        let (first, whole) = (now.first_byte.unwrap(), now.whole.unwrap());
        let is_about =
            |duration: Duration, milliseconds: f64| (duration.as_secs_f64() * 1000.0 / milliseconds - 1.0).abs() < 0.1;
        assert!(is_about(first.p50, 100.0) && is_about(first.p95, 100.0), "{first:?}");
        assert!(is_about(whole.p50, 1000.0) && is_about(whole.p95, 1000.0), "{whole:?}");
        let error = history.last_error(start + SLOT).unwrap();
        assert_eq!((error.message.len(), error.age), (MAX_EXCERPT_BYTES, SLOT));

        let call = |at: Instant| history.begin(at).complete(at);
        assert_eq!(history.last_hour(start + SLOT * 11).calls, 22);
        call(start + SLOT * 11);
        assert_eq!(history.last_hour(start + SLOT * 12).calls, 1, "the first ones are too old");
        call(start + SLOT * 12);
        assert_eq!(history.last_hour(start + SLOT * 12).calls, 2, "their slot is used again");
        assert_eq!(history.last_hour(start + SLOT * 100), CallSummary::default());
        let totals = history.totals().unwrap();
        assert_eq!((totals.calls, totals.errors[1]), (24, (RouteErrorKind::RateLimited, 1)));
    }

    #[test]
    fn durations_beyond_all_buckets_are_in_the_last() {
        let durations = Durations::default();
        durations.add(Duration::ZERO);
        durations.add(Duration::from_secs(1 << 40));
        let quantiles = Durations::quantiles([&durations].into_iter()).unwrap();
        assert!(quantiles.p50 < Duration::from_millis(2) && quantiles.p95 > Duration::from_secs(600), "{quantiles:?}");
    }
}
