//! Backoff after failed attempts.
//!
//! After some free failures, each further one doubles the wait, up to a ceiling. The ceiling, and that a success ends
//! the wait, keep unauthenticated clients from locking an account for ever. Failures are counted by the name that was
//! tried, whether or not it exists: the response must not reveal which names exist.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Maximum number of names. Beyond it, names with the shortest waits are forgotten.
pub(super) const CAPACITY: usize = 100_000;

/// A backoff of failed attempts, by name. Clones share it.
#[derive(Clone)]
pub struct FailureBackoff {
    free: u32,
    ceiling: Duration,
    pub(super) names: Arc<Mutex<HashMap<String, Attempts>>>,
}

#[derive(Clone, Copy)]
pub(super) struct Attempts {
    count: u32,
    /// No attempt before this time.
    until: DateTime<Utc>,
}

impl FailureBackoff {
    /// Creates a backoff after `free` failures; the wait after further ones starts at a second and doubles up to
    /// `ceiling`.
    pub fn new(free: u32, ceiling: Duration) -> Self {
        Self { free, ceiling, names: Arc::default() }
    }

    /// Returns the number of free failures, and the longest wait.
    pub fn rule(&self) -> (u32, Duration) {
        (self.free, self.ceiling)
    }

    /// Registers an attempt for this name, as a failure until [`Self::refund_attempt`] or [`Self::reset`]
    /// removes it. It is counted before the password is checked, so that concurrent attempts count in full.
    ///
    /// # Errors
    /// The seconds to wait, if the name has to.
    pub fn take(&self, name: &str, now: DateTime<Utc>) -> Result<(), u64> {
        let name = short(name);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match names.get(name) {
            Some(failed) if failed.until > now => {
                let wait = (failed.until - now).num_milliseconds();
                return Err(u64::try_from(wait).unwrap_or(0).div_ceil(1000).max(1));
            }
            Some(failed) => failed.count.saturating_add(1),
            None => 1,
        };
        if names.len() >= CAPACITY && !names.contains_key(name) {
            self.make_room(&mut names, now);
        }
        names.insert(name.to_owned(), Attempts { count, until: now + self.wait(count) });
        Ok(())
    }

    /// Removes all failures of this name, whose last attempt succeeded.
    pub fn reset(&self, name: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(short(name));
    }

    /// Removes the last attempt for this name, which was no failure; earlier failures stay counted.
    pub fn refund_attempt(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = names.get_mut(short(name)) {
            failed.count -= 1;
            failed.until = DateTime::<Utc>::MIN_UTC;
            if failed.count == 0 {
                names.remove(short(name));
            }
        }
    }

    fn wait(&self, count: u32) -> TimeDelta {
        let Some(excess) = count.checked_sub(self.free).filter(|excess| *excess > 0) else {
            return TimeDelta::zero();
        };
        let wait = Duration::from_secs(1u64.checked_shl(excess - 1).unwrap_or(u64::MAX)).min(self.ceiling);
        TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
    }

    /// Forgets the names whose wait ended longer ago than the ceiling, or else the half of the names with the shortest
    /// waits.
    fn make_room(&self, names: &mut HashMap<String, Attempts>, now: DateTime<Utc>) {
        let ceiling = TimeDelta::from_std(self.ceiling).unwrap_or(TimeDelta::MAX);
        names.retain(|_, failed| now - failed.until < ceiling);
        if names.len() >= CAPACITY {
            let mut ends: Vec<_> = names.values().map(|failed| failed.until).collect();
            let middle = ends.len() / 2;
            let (_, median, _) = ends.select_nth_unstable(middle);
            let median = *median;
            names.retain(|_, failed| failed.until > median);
        }
    }
}

/// Returns the part of a name that is remembered: names longer than 200 bytes, which no user has, are cut and share an
/// entry, so that memory is bounded.
fn short(name: &str) -> &str {
    name.get(..name.floor_char_boundary(200)).unwrap_or(name)
}
