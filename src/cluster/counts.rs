//! What servers count together at Redis: rates, and wrong passwords. Each decision is one script, and so one round trip.
//!
//! Redis only ever says no. Where it gives no answer in time, whoever asks has decided alone before. Names and addresses
//! are there as keyed hashes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::redis::Script;
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::redis::Line;
use crate::keyed_hash::KeyedHash;

/// A decision that takes longer is made without Redis.
const PATIENCE: Duration = Duration::from_millis(80);
/// How long wrong passwords are remembered after the last wait has ended.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The generic cell rate algorithm, as governor has it: a key holds the moment, in microseconds of Redis's clock, at
/// which all that was done has been paid for. The first that refuses ends it; those before it have counted one.
const RATE: &str = r"
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    for i, key in ipairs(KEYS) do
        local step, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
        local paid = math.max(tonumber(redis.call('GET', key)) or 0, now) + step
        if paid - now > burst then
            return math.ceil(paid - now - burst)
        end
        redis.call('SET', key, string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
    end
    return 0
";

/// A try at a password, in milliseconds: see `rate_limit::Failures`.
const TAKE: &str = r"
    local now, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
    for i, key in ipairs(KEYS) do
        local free, ceiling = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
        local failed = redis.call('HMGET', key, 'count', 'until')
        local until_ = tonumber(failed[2]) or 0
        if until_ > now then
            return math.ceil(until_ - now)
        end
        local count, wait = (tonumber(failed[1]) or 0) + 1, 0
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
pub struct Counts {
    line: Arc<Line>,
    hash: KeyedHash,
    namespace: String,
    rate: Script,
    take: Script,
    right: Script,
}

/// So many of something in a time, a part of which may come at once.
#[derive(Clone, Debug)]
pub struct Allowed {
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
pub struct Guessed {
    /// What is counted, and for whom.
    pub of: (&'static str, String),
    /// Failures without a wait.
    pub free: u32,
    /// The longest wait.
    pub ceiling: Duration,
}

impl Counts {
    pub(super) fn new(line: Arc<Line>, hash: KeyedHash, namespace: String) -> Self {
        let [rate, take, right] = [RATE, TAKE, RIGHT].map(Script::new);
        Self { line, hash, namespace, rate, take, right }
    }

    /// Counts one for each of these, in this order, until one has had enough.
    ///
    /// # Errors
    /// The seconds to wait.
    pub async fn rate(&self, all: &[Allowed]) -> Result<(), u64> {
        let mut call = self.rate.prepare_invoke();
        let limited: Vec<_> = all.iter().filter(|allowed| allowed.count > 0).collect();
        for Allowed { of, count, burst, period } in &limited {
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
    pub async fn take(&self, all: &[Guessed], now: DateTime<Utc>) -> Result<(), u64> {
        let mut call = self.take.prepare_invoke();
        call.arg(now.timestamp_millis()).arg(KEEP.as_millis().to_string());
        for Guessed { of, free, ceiling } in all {
            call.key(self.key(of)).arg(*free).arg(ceiling.as_millis().to_string());
        }
        waits(self.ask(&call).await, 1000)
    }

    /// The last try for this name, from this address, was right.
    pub async fn right(&self, name: &(&'static str, String), address: Option<&(&'static str, String)>) {
        let mut call = self.right.prepare_invoke();
        call.key(self.key(name));
        if let Some(address) = address {
            call.key(self.key(address));
        }
        self.ask(&call).await;
    }

    async fn ask(&self, call: &::redis::ScriptInvocation<'_>) -> Option<u64> {
        let answer = match self.line.connection() {
            Some(mut connection) => timeout(PATIENCE, call.invoke_async(&mut connection)).await.ok(),
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
