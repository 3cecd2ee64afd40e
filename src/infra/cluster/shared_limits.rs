//! Limits that servers share through Redis: rates, and failed log-in attempts. Each decision is one script, and so one
//! round trip.
//!
//! Redis can only reject: the caller has passed its local limit before, and if Redis does not answer in time, that
//! decision stands. Usernames and addresses are stored as keyed hashes.

mod scripts;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::Script;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout};

use self::scripts::{RATE, RIGHT, TAKE};
use super::redis_link::RedisLink;
use crate::core::keyed_hash::KeyedHash;

/// The timeout of a decision; without an answer by then, the local limit decides.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(80);
/// The number of consecutive timeouts after which Redis is bypassed for [`BYPASS_TIME`], so that a slow Redis does not
/// delay every message.
const TOO_SLOW: u32 = 3;
const BYPASS_TIME: Duration = Duration::from_secs(2);
/// How long failed attempts are remembered after the last wait has ended.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The limits that servers share.
pub struct SharedLimits {
    link: Arc<RedisLink>,
    hash: KeyedHash,
    namespace: String,
    rate: Script,
    take: Script,
    right: Script,
    slow: Mutex<SlowStreak>,
}

/// The number of consecutive timeouts, and until when Redis is bypassed.
#[derive(Default)]
struct SlowStreak {
    timeouts: u32,
    until: Option<Instant>,
}

/// A rate: at most `count` events per period, with a burst.
#[derive(Clone, Debug)]
pub struct RateQuota {
    /// The kind of limit, and the subject that is counted.
    pub of: (&'static str, String),
    /// The maximum number of events per period; 0 for no limit.
    pub count: u32,
    /// How many of them may happen at once.
    pub burst: u32,
    /// The period.
    pub period: Duration,
}

/// The log-in attempts allowed for a username or an address.
#[derive(Clone, Debug)]
pub struct AttemptQuota {
    /// The kind of limit, and the subject that is counted.
    pub of: (&'static str, String),
    /// Failures before the first wait.
    pub free: u32,
    /// The longest wait.
    pub ceiling: Duration,
}

impl SharedLimits {
    pub(super) fn new(link: Arc<RedisLink>, hash: KeyedHash, namespace: String) -> Self {
        let [rate, take, right] = [RATE, TAKE, RIGHT].map(Script::new);
        Self { link, hash, namespace, rate, take, right, slow: Mutex::default() }
    }

    /// Counts one event for each of these rates, in this order, until one is exhausted.
    ///
    /// # Errors
    /// The seconds to wait.
    pub async fn rate(&self, all: &[RateQuota]) -> Result<(), u64> {
        let mut call = self.rate.prepare_invoke();
        let limited: Vec<_> = all.iter().filter(|allowed| allowed.count > 0).collect();
        for RateQuota { of, count, burst, period } in &limited {
            let step = period.as_micros() / u128::from(*count);
            call.key(self.key(of)).arg(step.to_string()).arg((step * u128::from(*burst)).to_string());
        }
        if limited.is_empty() {
            return Ok(());
        }
        waits(self.ask(&call).await, 1_000_000)
    }

    /// Registers an attempt for each of these, until one is blocked. It counts as a failure until
    /// [`SharedLimits::record_success`] is called.
    ///
    /// # Errors
    /// The seconds to wait.
    pub async fn take(&self, all: &[AttemptQuota], now: DateTime<Utc>) -> Result<(), u64> {
        let mut call = self.take.prepare_invoke();
        call.arg(now.timestamp_millis()).arg(KEEP.as_millis().to_string());
        for AttemptQuota { of, free, ceiling } in all {
            call.key(self.key(of)).arg(*free).arg(ceiling.as_millis().to_string());
        }
        waits(self.ask(&call).await, 1000)
    }

    /// Records that the last attempt for this username, from this address, succeeded.
    pub async fn record_success(&self, name: &(&'static str, String), address: Option<&(&'static str, String)>) {
        let mut call = self.right.prepare_invoke();
        call.key(self.key(name));
        if let Some(address) = address {
            call.key(self.key(address));
        }
        self.ask(&call).await;
    }

    async fn ask(&self, call: &::redis::ScriptInvocation<'_>) -> Option<u64> {
        let answer = match self.link.connection().filter(|_| self.is_reachable(Instant::now())) {
            Some(mut connection) => {
                let answer = timeout(REQUEST_TIMEOUT, call.invoke_async(&mut connection)).await.ok();
                self.answered(answer.is_some(), Instant::now());
                answer
            }
            None => None,
        };
        match answer {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => tracing::debug!(%error, "Redis rate limit script failed"),
            None => {}
        }
        self.link.counted_alone.fetch_add(1, Relaxed);
        None
    }

    fn is_reachable(&self, now: Instant) -> bool {
        self.slow().until.is_none_or(|until| until <= now)
    }

    /// Records whether Redis answered in time. After a bypass, one more timeout starts the next one.
    fn answered(&self, in_time: bool, now: Instant) {
        let mut slow = self.slow();
        if in_time {
            if slow.until.is_some() {
                tracing::info!("Redis rate limiting restored");
            }
            *slow = SlowStreak::default();
            return;
        }
        slow.timeouts = slow.timeouts.saturating_add(1);
        if slow.timeouts >= TOO_SLOW {
            if slow.until.is_none() {
                tracing::warn!("Redis rate limiting timed out; falling back to the limits of each server");
            }
            slow.until = Some(now + BYPASS_TIME);
        }
    }

    fn slow(&self) -> MutexGuard<'_, SlowStreak> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, (what, who): &(&'static str, String)) -> String {
        let hash = self.hash.of(who.as_bytes());
        format!("{}:{what}:{}", self.namespace, hash.get(..32).unwrap_or_default())
    }
}

fn waits(answer: Option<u64>, units_in_a_second: u64) -> Result<(), u64> {
    match answer {
        None | Some(0) => Ok(()),
        Some(wait) => Err(wait.div_ceil(units_in_a_second)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_redis_that_is_too_slow_is_left_alone_for_a_time() {
        let hash = KeyedHash::new(b"a secret of thirty-two characters", "test").unwrap();
        let counts = SharedLimits::new(Arc::default(), hash, "jeton".to_owned());
        let now = Instant::now();
        for in_time in [false, false, true, false, false] {
            counts.answered(in_time, now);
            assert!(counts.is_reachable(now));
        }
        counts.answered(false, now);
        assert!(!counts.is_reachable(now));
        assert!(counts.is_reachable(now + BYPASS_TIME), "retried after the bypass");
        counts.answered(false, now + BYPASS_TIME);
        assert!(!counts.is_reachable(now + BYPASS_TIME), "one more timeout is enough");
        counts.answered(true, now + 2 * BYPASS_TIME);
        counts.answered(false, now + 2 * BYPASS_TIME);
        assert!(counts.is_reachable(now + 2 * BYPASS_TIME));
    }
}
