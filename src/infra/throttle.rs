//! What is counted against abuse: rates, and wrong passwords.
//!
//! Counted here first, in memory. What passes here is then counted together with the other servers, where there is a bus
//! between them, and may be refused all the same. Where they can't be asked, this server's own count is what there is.

use chrono::{DateTime, Utc};

use crate::core::error::Error;
use crate::core::throttle::{FailureBackoff, RateLimiter};
use crate::core::viewer::ClientIp;
use crate::infra::cluster::{AttemptQuota, Bus, RateQuota};
use crate::infra::config;

/// Registration forms that may be checked for each account that may be made: people mistype.
const ATTEMPTS: u32 = 3;

/// What may be done in a time.
pub struct RateLimits {
    users: RateLimiter<i64>,
    keys: RateLimiter<i64>,
    registrations: RateLimiter<ClientIp>,
    registration_attempts: RateLimiter<ClientIp>,
    refreshes: RateLimiter<ClientIp>,
    bus: Bus,
}

impl RateLimits {
    /// The rates of the configuration.
    pub fn new(limits: &config::Limits, bus: Bus) -> Self {
        let (accounts, burst) = (limits.registrations_per_hour_per_address, limits.registration_burst_per_address);
        let attempts = |accounts: u32| accounts.saturating_mul(ATTEMPTS);
        Self {
            users: RateLimiter::per_minute(limits.messages_per_minute_per_user),
            keys: RateLimiter::per_minute(limits.messages_per_minute_per_key),
            registrations: RateLimiter::per_hour(accounts, burst),
            registration_attempts: RateLimiter::per_hour(attempts(accounts), attempts(burst)),
            refreshes: RateLimiter::per_minute(limits.refreshes_per_minute_per_address),
            bus,
        }
    }

    /// Counts a message of a user, sent by an API key or not.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn message(&self, user_id: i64, key_id: Option<i64>) -> Result<(), Error> {
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

    /// Counts a new account.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many new accounts from your address. Try again later.";
        self.registrations.check(address, words)?;
        self.together(words, || vec![allowed(&self.registrations, "registrations", address)]).await
    }

    /// Counts a registration form before it is checked.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn registration_attempt(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many tries at new accounts from your address. Wait a moment.";
        self.registration_attempts.check(address, words)?;
        self.together(words, || vec![allowed(&self.registration_attempts, "registration attempts", address)]).await
    }

    /// Counts the use of a refresh token.
    ///
    /// # Errors
    /// RATE_LIMITED, with the seconds to wait.
    pub async fn refresh(&self, address: &ClientIp) -> Result<(), Error> {
        let words = "Too many refreshes from your address. Wait a moment.";
        self.refreshes.check(address, words)?;
        self.together(words, || vec![allowed(&self.refreshes, "refreshes", address)]).await
    }

    /// Forgets those who have done nothing for a while.
    pub fn forget_idle(&self) {
        self.users.forget_idle();
        self.keys.forget_idle();
        self.registrations.forget_idle();
        self.registration_attempts.forget_idle();
        self.refreshes.forget_idle();
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

/// Wrong passwords, by the name that was tried and by the address from which.
pub struct LoginThrottle {
    names: FailureBackoff,
    addresses: FailureBackoff,
    bus: Bus,
}

impl LoginThrottle {
    /// As the configuration has it.
    pub fn new(auth: &config::Auth, bus: Bus) -> Self {
        Self {
            names: FailureBackoff::new(auth.login_attempts_before_delay, auth.login_max_delay),
            addresses: FailureBackoff::new(auth.login_attempts_before_delay_per_address, auth.login_max_delay),
            bus,
        }
    }

    /// Takes a try for this name from this address, as a failure until [`LoginThrottle::reset`] says otherwise.
    ///
    /// # Errors
    /// The seconds to wait where either has to.
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
            // Nothing was tried.
            self.refund_attempt(name, address.as_deref());
        }
        taken
    }

    /// The last try was right. The name has no failures any more; the address has those before it.
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
