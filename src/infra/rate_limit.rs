//! Abuse protection: rate limits and failed log-in attempts.
//!
//! Counted first in the memory of this server. What passes is then counted at the shared limits of the cluster, if the
//! bus connects servers, and may still be rejected there. If Redis is unavailable, the local count decides.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, UserId};
use crate::core::throttle::{FailureBackoff, RateLimiter};
use crate::core::viewer::ClientIp;
use crate::infra::cluster::{AttemptQuota, Bus, RateQuota};
use crate::infra::config;

/// Registration attempts allowed per allowed account: users mistype.
const ATTEMPTS: u32 = 3;

/// The rate limits of users, API keys and client addresses.
pub struct RateLimits {
    limiters: RwLock<Limiters>,
    bus: Bus,
}

/// The limiters, each replaced by a reload that changes its rate.
#[derive(Clone)]
struct Limiters {
    users: Arc<RateLimiter<UserId>>,
    keys: Arc<RateLimiter<ApiKeyId>>,
    estimates: Arc<RateLimiter<UserId>>,
    registrations: Arc<RateLimiter<ClientIp>>,
    registration_attempts: Arc<RateLimiter<ClientIp>>,
    refreshes: Arc<RateLimiter<ClientIp>>,
}

impl Limiters {
    fn new(limits: &config::Limits) -> Self {
        let (accounts, burst) = (limits.registrations_per_hour_per_address, limits.registration_burst_per_address);
        let attempts = |accounts: u32| accounts.saturating_mul(ATTEMPTS);
        Self {
            users: Arc::new(RateLimiter::per_minute(limits.messages_per_minute_per_user)),
            keys: Arc::new(RateLimiter::per_minute(limits.messages_per_minute_per_key)),
            estimates: Arc::new(RateLimiter::per_minute(limits.estimates_per_minute_per_user)),
            registrations: Arc::new(RateLimiter::per_hour(accounts, burst)),
            registration_attempts: Arc::new(RateLimiter::per_hour(attempts(accounts), attempts(burst))),
            refreshes: Arc::new(RateLimiter::per_minute(limits.refreshes_per_minute_per_address)),
        }
    }
}

impl RateLimits {
    /// Creates the rate limits of the configuration.
    pub fn new(limits: &config::Limits, bus: Bus) -> Self {
        Self { limiters: RwLock::new(Limiters::new(limits)), bus }
    }

    /// Sets the rates. A changed one counts from zero; the others keep their counts.
    pub fn reconfigure(&self, limits: &config::Limits) {
        let next = Limiters::new(limits);
        let mut now = self.limiters.write().unwrap_or_else(PoisonError::into_inner);
        replace_changed(&mut now.users, next.users);
        replace_changed(&mut now.keys, next.keys);
        replace_changed(&mut now.estimates, next.estimates);
        replace_changed(&mut now.registrations, next.registrations);
        replace_changed(&mut now.registration_attempts, next.registration_attempts);
        replace_changed(&mut now.refreshes, next.refreshes);
    }

    fn limiters(&self) -> Limiters {
        self.limiters.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a message of a user, and of the API key that sent it.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn message(&self, user_id: UserId, key_id: Option<ApiKeyId>) -> Result<(), Error> {
        let words = "Too many messages in a minute. Wait a moment.";
        let Limiters { users, keys, .. } = self.limiters();
        users.check(&user_id, words)?;
        if let Some(key_id) = key_id {
            keys.check(&key_id, words)?;
        }
        self.together(words, || {
            let user = allowed(&users, "messages of users", user_id);
            std::iter::once(user).chain(key_id.map(|id| allowed(&keys, "messages by keys", id))).collect()
        })
        .await
    }

    /// Counts an estimate of a message, which is no message.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn estimate(&self, user_id: UserId) -> Result<(), Error> {
        let words = "Too many estimates in a minute. Wait a moment.";
        let limiter = self.limiters().estimates;
        limiter.check(&user_id, words)?;
        self.together(words, || vec![allowed(&limiter, "estimates", user_id)]).await
    }

    /// Counts a new account.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many new accounts from your address. Try again later.";
        let limiter = self.limiters().registrations;
        limiter.check(address, words)?;
        self.together(words, || vec![allowed(&limiter, "registrations", address)]).await
    }

    /// Counts a registration attempt before its form is validated.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration_attempt(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many registration attempts from your address. Wait a moment.";
        let limiter = self.limiters().registration_attempts;
        limiter.check(address, words)?;
        self.together(words, || vec![allowed(&limiter, "registration attempts", address)]).await
    }

    /// Counts the use of a refresh token.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn refresh(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many token refreshes from your address. Wait a moment.";
        let limiter = self.limiters().refreshes;
        limiter.check(address, words)?;
        self.together(words, || vec![allowed(&limiter, "refreshes", address)]).await
    }

    /// Drops the entries of idle users, keys and addresses.
    pub fn evict_idle(&self) {
        let Limiters { users, keys, estimates, registrations, registration_attempts, refreshes } = self.limiters();
        users.evict_idle();
        keys.evict_idle();
        estimates.evict_idle();
        registrations.evict_idle();
        registration_attempts.evict_idle();
        refreshes.evict_idle();
    }

    async fn together(&self, words: &str, all: impl FnOnce() -> Vec<RateQuota>) -> Result<(), Error> {
        let Some(counts) = self.bus.shared_limits() else { return Ok(()) };
        counts.rate(&all()).await.map_err(|seconds| Error::rate_limited(words, seconds))
    }
}

/// Replaces a limiter by one with another rate.
fn replace_changed<K: Clone + Eq + std::hash::Hash>(now: &mut Arc<RateLimiter<K>>, next: Arc<RateLimiter<K>>) {
    if now.quota() != next.quota() {
        *now = next;
    }
}

fn allowed<K: Clone + Eq + std::hash::Hash>(
    rate: &RateLimiter<K>,
    what: &'static str,
    who: impl ToString,
) -> RateQuota {
    let (count, burst, period) = rate.quota();
    RateQuota { of: (what, who.to_string()), count, burst, period }
}

/// Backoff after failed log-in attempts, by username and by client address.
pub struct LoginThrottle {
    names: FailureBackoff,
    addresses: FailureBackoff,
    bus: Bus,
}

impl LoginThrottle {
    /// Creates the throttle of the configuration.
    pub fn new(auth: &config::Auth, bus: Bus) -> Self {
        Self {
            names: FailureBackoff::new(auth.login_attempts_before_delay, auth.login_max_delay),
            addresses: FailureBackoff::new(auth.login_attempts_before_delay_per_address, auth.login_max_delay),
            bus,
        }
    }

    /// Registers an attempt for this username and address. It counts as a failure until [`LoginThrottle::reset`] is
    /// called.
    ///
    /// # Errors
    /// The seconds to wait if the username or the address is blocked.
    pub async fn take(&self, name: &str, address: Option<ClientIp>, now: DateTime<Utc>) -> Result<(), u64> {
        let address = address.map(|address| address.to_string());
        if let Some(address) = &address {
            self.addresses.take(address, now)?;
        }
        self.names.take(name, now)?;
        let Some(counts) = self.bus.shared_limits() else { return Ok(()) };
        let of_address = address.iter().map(|address| guessed(&self.addresses, of_address(address)));
        let all: Vec<_> = of_address.chain([guessed(&self.names, of_name(name))]).collect();
        let taken = counts.take(&all, now).await;
        if taken.is_err() {
            // No password was checked, so the local attempts are refunded.
            self.refund_attempt(name, address.as_deref());
        }
        taken
    }

    /// Records that the last attempt succeeded: clears the failures of the username, and refunds the attempt of the
    /// address, whose earlier failures stay counted.
    pub async fn reset(&self, name: &str, address: Option<ClientIp>) {
        let address = address.map(|address| address.to_string());
        self.names.reset(name);
        if let Some(address) = &address {
            self.addresses.refund_attempt(address);
        }
        if let Some(counts) = self.bus.shared_limits() {
            counts.record_success(&of_name(name), address.as_deref().map(of_address).as_ref()).await;
        }
    }

    fn refund_attempt(&self, name: &str, address: Option<&str>) {
        self.names.refund_attempt(name);
        if let Some(address) = address {
            self.addresses.refund_attempt(address);
        }
    }
}

fn of_name(name: &str) -> (&'static str, String) {
    ("guesses by name", name.to_owned())
}

fn of_address(address: &str) -> (&'static str, String) {
    ("guesses by address", address.to_owned())
}

fn guessed(failures: &FailureBackoff, of: (&'static str, String)) -> AttemptQuota {
    let (free, ceiling) = failures.rule();
    AttemptQuota { of, free, ceiling }
}
