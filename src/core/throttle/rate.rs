//! Rate limits, by key.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::core::error::Error;

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
        checked.map_err(|exceeded| {
            let wait = exceeded.wait_time_from(DefaultClock::default().now()).as_secs_f64().ceil() as u64;
            Error::rate_limited(words, wait.max(1))
        })
    }

    /// Evicts the keys whose whole quota is available.
    pub fn evict_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
