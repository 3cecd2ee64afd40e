//! In-memory limits: [`FailureBackoff`] slows down guessing, [`ConcurrencyLimit`] bounds concurrency, [`RateLimiter`]
//! bounds rates.
//!
//! After some free failures, each further one doubles the wait, up to a ceiling. The ceiling, and that a success ends
//! the wait, keep unauthenticated clients from locking an account for ever. Failures are counted by the name that was
//! tried, whether or not it exists: the response must not reveal which names exist.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::core::error::Error;

/// Maximum number of names. Beyond it, names with the shortest waits are forgotten.
const CAPACITY: usize = 100_000;

/// A backoff of failed attempts, by name. Clones share it.
#[derive(Clone)]
pub struct FailureBackoff {
    free: u32,
    ceiling: Duration,
    names: Arc<Mutex<HashMap<String, Attempts>>>,
}

#[derive(Clone, Copy)]
struct Attempts {
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

/// A concurrency limit: a maximum for each owner, and a maximum in total. Clones share it.
#[derive(Clone)]
pub struct ConcurrencyLimit<K> {
    per_owner: u64,
    total: usize,
    taken: Arc<Mutex<PermitCounts<K>>>,
}

struct PermitCounts<K> {
    by_owner: HashMap<K, u64>,
    total: usize,
}

/// A permit; dropping it releases it.
pub struct Permit<K: Eq + Hash> {
    owner: K,
    taken: Arc<Mutex<PermitCounts<K>>>,
}

/// The limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// The maximum of one owner.
    Owner,
    /// The maximum in total.
    Total,
}

impl<K: Clone + Eq + Hash> ConcurrencyLimit<K> {
    /// Creates a limit of `per_owner` permits for each owner, and of `total` in all.
    pub fn new(per_owner: u64, total: usize) -> Self {
        let none = PermitCounts { by_owner: HashMap::new(), total: 0 };
        Self { per_owner, total, taken: Arc::new(Mutex::new(none)) }
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn take(&self, owner: K) -> Result<Permit<K>, LimitExceeded> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.total {
            return Err(LimitExceeded::Total);
        }
        let own = taken.by_owner.entry(owner.clone()).or_default();
        if *own >= self.per_owner {
            return Err(LimitExceeded::Owner);
        }
        *own += 1;
        taken.total += 1;
        Ok(Permit { owner, taken: self.taken.clone() })
    }

    /// Returns the number of permits taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(own) = taken.by_owner.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.by_owner.remove(&self.owner);
            }
        }
    }
}

/// A rate limit by key: a maximum number per period, of which a part, the burst, may arrive at once.
pub struct RateLimiter<K: Clone + Eq + Hash> {
    count: u32,
    burst: u32,
    period: Duration,
    limiter: Option<DefaultKeyedRateLimiter<K>>,
}

impl<K: Clone + Eq + Hash> RateLimiter<K> {
    /// Limits to `count` per minute, all of which may arrive at once; 0 for no limit.
    pub fn per_minute(count: u32) -> Self {
        Self::new(count, count, Duration::from_secs(60), Quota::per_minute)
    }

    /// Limits to `count` per hour, of which `burst` may arrive at once; 0 for no limit.
    pub fn per_hour(count: u32, burst: u32) -> Self {
        Self::new(count, burst.min(count), Duration::from_secs(60 * 60), Quota::per_hour)
    }

    /// Limits to `count` per second, of which `burst`, but never less than `count`, may arrive at once; 0 for no limit.
    pub fn per_second(count: u32, burst: u32) -> Self {
        Self::new(count, burst.max(count), Duration::from_secs(1), Quota::per_second)
    }

    fn new(count: u32, burst: u32, period: Duration, quota_of: fn(NonZeroU32) -> Quota) -> Self {
        let quota = NonZeroU32::new(count).zip(NonZeroU32::new(burst));
        let limiter = quota.map(|(count, burst)| DefaultKeyedRateLimiter::keyed(quota_of(count).allow_burst(burst)));
        Self { count, burst, period, limiter }
    }

    /// Returns the count (0 for no limit), the burst, and the period.
    pub fn quota(&self) -> (u32, u32, Duration) {
        (self.count, self.burst, self.period)
    }

    /// Counts one request of a key.
    ///
    /// # Errors
    /// RATE_LIMITED with this message, and the seconds to wait.
    pub fn check(&self, who: &K, words: &str) -> Result<(), Error> {
        self.check_many(who, 1, words)
    }

    /// Counts several requests of a key at once, at most the burst. Counts none if they exceed the rate.
    ///
    /// # Errors
    /// RATE_LIMITED with this message, and the seconds to wait.
    pub fn check_many(&self, who: &K, count: u32, words: &str) -> Result<(), Error> {
        let Some((limiter, count)) = self.limiter.as_ref().zip(NonZeroU32::new(count.min(self.burst))) else {
            return Ok(());
        };
        // The outer error means more than the burst, which is ruled out above.
        let Ok(checked) = limiter.check_key_n(who, count) else { return Ok(()) };
        checked.map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now()).as_secs_f64().ceil() as u64;
            Error::rate_limited(words, wait.max(1))
        })
    }

    /// Forgets the keys whose whole quota is available.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_ceiling_and_success_ends_it() {
        let failures = FailureBackoff::new(3, Duration::from_secs(4));
        let mut now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for _ in 0..3 {
            assert_eq!(failures.take("mia", now), Ok(()));
        }
        for wait in [1, 2, 4, 4, 4] {
            assert_eq!(failures.take("mia", now), Ok(()));
            assert_eq!(failures.take("mia", now), Err(wait));
            assert_eq!(failures.take("tom", now), Ok(()), "another name does not wait");
            failures.reset("tom");
            now += TimeDelta::seconds(wait.try_into().unwrap());
        }
        failures.reset("mia");
        assert_eq!(failures.take("mia", now), Ok(()));
        assert_eq!(failures.take("mia", now), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let failures = FailureBackoff::new(1, Duration::from_secs(60));
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for i in 0..CAPACITY + 10 {
            failures.take(&i.to_string(), now).unwrap();
        }
        assert!(failures.names.lock().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn a_minute_has_so_many_of_each() {
        let rate = RateLimiter::per_minute(2);
        assert!(rate.check(&1, "no").is_ok() && rate.check(&1, "no").is_ok());
        let refused = rate.check(&1, "no").unwrap_err();
        assert_eq!((refused.message.as_str(), refused.retry_after), ("no", Some(30)));
        assert!(rate.check(&2, "no").is_ok());
        rate.forget_idle();
        assert!(rate.check(&1, "no").is_err());
        assert_eq!(
            RateLimiter::per_hour(1, 1)
                .check(&1, "")
                .and(RateLimiter::per_hour(1, 1).check(&1, ""))
                .map_err(|e| e.retry_after),
            Ok(())
        );
        // The quota of an hour is not available at once.
        let slow = RateLimiter::per_hour(3600, 5);
        assert_eq!((0..100).filter(|_| slow.check(&1, "no").is_ok()).count(), 5);
        assert_eq!(slow.check(&1, "no").unwrap_err().retry_after, Some(1));
        // Several at once; a number above the burst counts as the burst.
        let bytes = RateLimiter::per_second(10, 100);
        assert!(bytes.check_many(&1, 95, "no").is_ok());
        assert_eq!(bytes.check_many(&1, 20, "no").unwrap_err().retry_after, Some(2));
        assert!(bytes.check_many(&1, 5, "no").is_ok(), "what was rejected does not count");
        assert!(bytes.check_many(&2, 1000, "no").is_ok());
        assert_eq!(bytes.check_many(&2, 1000, "no").unwrap_err().retry_after, Some(10));
        let free = RateLimiter::per_minute(0);
        assert!((0..10_000).all(|_| free.check(&1, "no").is_ok()));
    }

    #[test]
    fn places_come_back() {
        let places = ConcurrencyLimit::new(1, 2);
        let one = places.take(1).ok();
        assert_eq!(places.take(1).err(), Some(LimitExceeded::Owner));
        let _two = places.take(2).ok();
        assert_eq!(places.take(3).err(), Some(LimitExceeded::Total));
        drop(one);
        assert!(places.take(1).is_ok());
        assert_eq!(places.taken(), 1);
    }
}
