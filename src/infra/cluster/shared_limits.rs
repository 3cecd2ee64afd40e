//! What servers count together at Redis: rates, and wrong passwords. Each decision is one script, and so one round trip.
//!
//! Redis only ever says no. Where it gives no answer in time, whoever asks has decided alone before. Names and addresses
//! are there as keyed hashes.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::Script;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout};

use super::redis::RedisLink;
use crate::core::keyed_hash::KeyedHash;

/// A decision that takes longer is made without Redis.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(80);
/// After so many decisions in a row that took too long Redis is left alone for a time, so that a slow one does not slow
/// every message.
const TOO_SLOW: u32 = 3;
const BYPASS_TIME: Duration = Duration::from_secs(2);
/// How long wrong passwords are remembered after the last wait has ended.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The generic cell rate algorithm, as governor has it: a key holds the moment, in microseconds of Redis's clock, at
/// which all that was done has been paid for. The first that refuses ends it; those before it have counted one. What
/// somebody else wrote under the key blocks for no longer than a full burst does.
const RATE: &str = r"
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    for i, key in ipairs(KEYS) do
        local step, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
        local paid = tonumber(redis.call('GET', key)) or 0
        if not (paid > now) then paid = now end
        paid = math.min(paid, now + burst) + step
        if paid - now > burst then
            return math.ceil(paid - now - burst)
        end
        redis.call('SET', key, string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
    end
    return 0
";

/// A try at a password, in milliseconds: see `throttle::Failures`. No wait is longer than the ceiling, whatever the key holds.
const TAKE: &str = r"
    local now, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
    for i, key in ipairs(KEYS) do
        local free, ceiling = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
        local failed = redis.call('HMGET', key, 'count', 'until')
        local until_ = tonumber(failed[2]) or 0
        if until_ > now then
            return math.ceil(math.min(until_ - now, ceiling))
        end
        local count, wait = tonumber(failed[1]) or 0, 0
        if not (count > 0) then count = 0 end
        count = math.min(count, 1000) + 1
        if count > free then
            wait = math.min(1000 * 2 ^ (count - free - 1), ceiling)
        end
        redis.call('HSET', key, 'count', string.format('%.0f', count), 'until', string.format('%.0f', now + wait))
        redis.call('PEXPIRE', key, string.format('%.0f', wait + keep))
    end
    return 0
";

/// A try that was right: the name (first) is forgotten, the address (second) is forgiven this one.
const RIGHT: &str = r"
    redis.call('DEL', KEYS[1])
    if KEYS[2] then
        if redis.call('HINCRBY', KEYS[2], 'count', -1) <= 0 then
            redis.call('DEL', KEYS[2])
        else
            redis.call('HSET', KEYS[2], 'until', '0')
        end
    end
    return 0
";

/// Counts that servers share.
pub struct SharedLimits {
    line: Arc<RedisLink>,
    hash: KeyedHash,
    namespace: String,
    rate: Script,
    take: Script,
    right: Script,
    slow: Mutex<SlowStreak>,
}

/// How often in a row Redis took too long, and until when it is left alone.
#[derive(Default)]
struct SlowStreak {
    timeouts: u32,
    until: Option<Instant>,
}

/// So many of something in a time, a part of which may come at once.
#[derive(Clone, Debug)]
pub struct RateQuota {
    /// What is counted, and for whom.
    pub of: (&'static str, String),
    /// How many; 0: no limit.
    pub count: u32,
    /// How many of them at once.
    pub burst: u32,
    /// In which time.
    pub period: Duration,
}

/// A name, or an address, at whose password somebody tries.
#[derive(Clone, Debug)]
pub struct AttemptQuota {
    /// What is counted, and for whom.
    pub of: (&'static str, String),
    /// Failures without a wait.
    pub free: u32,
    /// The longest wait.
    pub ceiling: Duration,
}

impl SharedLimits {
    pub(super) fn new(line: Arc<RedisLink>, hash: KeyedHash, namespace: String) -> Self {
        let [rate, take, right] = [RATE, TAKE, RIGHT].map(Script::new);
        Self { line, hash, namespace, rate, take, right, slow: Mutex::default() }
    }

    /// Counts one for each of these, in this order, until one has had enough.
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

    /// Takes a try for each of these, as a failure until [`Counts::right`] says otherwise, until one has to wait.
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

    /// The last try for this name, from this address, was right.
    pub async fn record_success(&self, name: &(&'static str, String), address: Option<&(&'static str, String)>) {
        let mut call = self.right.prepare_invoke();
        call.key(self.key(name));
        if let Some(address) = address {
            call.key(self.key(address));
        }
        self.ask(&call).await;
    }

    async fn ask(&self, call: &::redis::ScriptInvocation<'_>) -> Option<u64> {
        let answer = match self.line.connection().filter(|_| self.is_reachable(Instant::now())) {
            Some(mut connection) => {
                let answer = timeout(REQUEST_TIMEOUT, call.invoke_async(&mut connection)).await.ok();
                self.answered(answer.is_some(), Instant::now());
                answer
            }
            None => None,
        };
        match answer {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => tracing::debug!(%error, "Redis could not count"),
            None => {}
        }
        self.line.counted_alone.fetch_add(1, Relaxed);
        None
    }

    fn is_reachable(&self, now: Instant) -> bool {
        self.slow().until.is_none_or(|until| until <= now)
    }

    /// After a rest one more timeout is enough for the next one.
    fn answered(&self, in_time: bool, now: Instant) {
        let mut slow = self.slow();
        if in_time {
            if slow.until.is_some() {
                tracing::info!("Redis answers in time again");
            }
            *slow = SlowStreak::default();
            return;
        }
        slow.timeouts = slow.timeouts.saturating_add(1);
        if slow.timeouts >= TOO_SLOW {
            if slow.until.is_none() {
                tracing::warn!("Redis is too slow: until it answers in time, each server counts alone");
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
        assert!(counts.is_reachable(now + BYPASS_TIME), "it is tried again");
        counts.answered(false, now + BYPASS_TIME);
        assert!(!counts.is_reachable(now + BYPASS_TIME), "one more is enough");
        counts.answered(true, now + 2 * BYPASS_TIME);
        counts.answered(false, now + 2 * BYPASS_TIME);
        assert!(counts.is_reachable(now + 2 * BYPASS_TIME));
    }
}
