//! Abuse protection: rate limits and failed log-in attempts.
//!
//! Counted first in the memory of this server. What passes is then counted at the shared limits of the cluster, if the
//! bus connects servers, and may still be rejected there. If Redis is unavailable, the local count decides.

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
    users: RateLimiter<UserId>,
    keys: RateLimiter<ApiKeyId>,
    estimates: RateLimiter<UserId>,
    registrations: RateLimiter<ClientIp>,
    registration_attempts: RateLimiter<ClientIp>,
    refreshes: RateLimiter<ClientIp>,
    bus: Bus,
}

impl RateLimits {
    /// Creates the rate limits of the configuration.
    pub fn new(limits: &config::Limits, bus: Bus) -> Self {
        let (accounts, burst) = (limits.registrations_per_hour_per_address, limits.registration_burst_per_address);
        let attempts = |accounts: u32| accounts.saturating_mul(ATTEMPTS);
        Self {
            users: RateLimiter::per_minute(limits.messages_per_minute_per_user),
            keys: RateLimiter::per_minute(limits.messages_per_minute_per_key),
            estimates: RateLimiter::per_minute(limits.estimates_per_minute_per_user),
            registrations: RateLimiter::per_hour(accounts, burst),
            registration_attempts: RateLimiter::per_hour(attempts(accounts), attempts(burst)),
            refreshes: RateLimiter::per_minute(limits.refreshes_per_minute_per_address),
            bus,
        }
    }

    /// Counts a message of a user, and of the API key that sent it.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn message(&self, user_id: UserId, key_id: Option<ApiKeyId>) -> Result<(), Error> {
        let words = "Too many messages in a minute. Wait a moment.";
        self.users.check(&user_id, words)?;
        if let Some(key_id) = key_id {
            self.keys.check(&key_id, words)?;
        }
        self.together(words, || {
            let user = allowed(&self.users, "messages of users", user_id);
            std::iter::once(user).chain(key_id.map(|id| allowed(&self.keys, "messages by keys", id))).collect()
        })
        .await
    }

    /// Counts an estimate of a message, which is no message.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn estimate(&self, user_id: UserId) -> Result<(), Error> {
        let words = "Too many estimates in a minute. Wait a moment.";
        self.estimates.check(&user_id, words)?;
        self.together(words, || vec![allowed(&self.estimates, "estimates", user_id)]).await
    }

    /// Counts a new account.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many new accounts from your address. Try again later.";
        self.registrations.check(address, words)?;
        self.together(words, || vec![allowed(&self.registrations, "registrations", address)]).await
    }

    /// Counts a registration attempt before its form is validated.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration_attempt(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many registration attempts from your address. Wait a moment.";
        self.registration_attempts.check(address, words)?;
        self.together(words, || vec![allowed(&self.registration_attempts, "registration attempts", address)]).await
    }

    /// Counts the use of a refresh token.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn refresh(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many token refreshes from your address. Wait a moment.";
        self.refreshes.check(address, words)?;
        self.together(words, || vec![allowed(&self.refreshes, "refreshes", address)]).await
    }

    /// Drops the entries of idle users, keys and addresses.
    pub fn evict_idle(&self) {
        self.users.evict_idle();
        self.keys.evict_idle();
        self.estimates.evict_idle();
        self.registrations.evict_idle();
        self.registration_attempts.evict_idle();
        self.refreshes.evict_idle();
    }

    async fn together(&self, words: &str, all: impl FnOnce() -> Vec<RateQuota>) -> Result<(), Error> {
        let Some(counts) = self.bus.shared_limits() else { return Ok(()) };
        counts.rate(&all()).await.map_err(|seconds| Error::rate_limited(words, seconds))
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
