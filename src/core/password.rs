//! Passwords: the rules for new ones, and hashing on dedicated threads, limited in number and low in priority.
//!
//! Argon2id with OWASP's minimum parameters (19 MiB, two passes, one lane). All work on a password beyond scanning its
//! bytes, including the zxcvbn rating of a new one, waits in a bounded queue ([`QueueKind`]) for one of a few threads,
//! so that a flood of log-ins or registrations neither exhausts the memory nor starves the turns.
//!
//! Imported passwords are verified with their imported hash ([`Pbkdf2`]) until the first log-in, which replaces it. A
//! stored text that begins with [`UNUSABLE`] is not a password hash.

mod pbkdf2;
mod queue;
mod rules;

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

pub use self::pbkdf2::Pbkdf2;
pub use self::queue::QueueKind;
use self::queue::{Entry, Queues};
pub use self::rules::{MAX_CHARS, MIN_CHARS, RULES, check, check_length, common, normalize};
use self::rules::{MAX_TYPED_BYTES, readings};
use crate::core::error::Error;
use crate::core::viewer::ClientIp;

/// Prefix of the stored text of a user without a password.
pub const UNUSABLE: char = '!';

/// Maximum parameters of a stored hash: memory in KiB, passes, lanes. A stored hash determines its own parameters, and
/// may have been imported.
const MAX_STORED: (u32, u32, u32) = (64 << 10, 8, 4);

/// Nice value of hashing threads: with both cores busy they get about a tenth of the time.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// A password hasher: rates, hashes and verifies passwords, a few concurrently.
#[derive(Clone)]
pub struct Hasher {
    queues: Arc<Queues>,
    /// The hash that the password of an unknown user is compared with, so that the response takes as long.
    decoy: Arc<str>,
}

/// A place in a queue for one operation; dropping it releases the place.
pub struct Ticket {
    hasher: Hasher,
    entry: Entry,
}

impl Hasher {
    /// Creates a hasher of at most `threads` concurrent operations, with at most `max_queued` waiting in each queue.
    ///
    /// # Errors
    /// INTERNAL if the system has no randomness for a salt.
    pub fn new(threads: usize, max_queued: usize) -> Result<Self, Error> {
        Ok(Self { queues: Arc::new(Queues::new(threads, max_queued)), decoy: hash("decoy")?.into() })
    }

    /// Takes a place in a queue for a client of this address; `None` for operators and the command line.
    ///
    /// # Errors
    /// UNAVAILABLE if the queue is full or the address has used up its share of it, with the seconds after which to
    /// retry.
    pub fn enter(&self, kind: QueueKind, address: Option<ClientIp>) -> Result<Ticket, Error> {
        Ok(Ticket { entry: self.queues.enter(kind, address)?, hasher: self.clone() })
    }

    /// Returns the number of running operations.
    pub fn running(&self) -> usize {
        self.queues.running()
    }

    /// Returns the number of operations that wait in a queue.
    pub fn waiting(&self, kind: QueueKind) -> usize {
        self.queues.waiting(kind)
    }
}

impl Ticket {
    /// Checks a new password by all rules. Its length is checked before it waits for a thread.
    ///
    /// # Errors
    /// INVALID_INPUT for this field if the password breaks a rule.
    pub async fn check(self, field: &'static str, password: SecretString, username: String) -> Result<(), Error> {
        check_length(password.expose_secret()).map_err(|message| Error::field(field, message))?;
        let checked = self.run(move || check(password.expose_secret(), &username)).await?;
        checked.map_err(|message| Error::field(field, message))
    }

    /// Returns the hash of a password in its normal form ([`normalize`]), in PHC string format.
    ///
    /// # Errors
    /// INTERNAL if hashing fails.
    pub async fn hash(self, password: SecretString) -> Result<String, Error> {
        self.run(move || hash(password.expose_secret())).await?
    }

    /// Returns whether this is the password, in any of the forms in which it may have been hashed. All forms are tried,
    /// whichever matches. Without a stored hash, and for a password that is too long to be any user's, it returns
    /// `false` after the same time.
    ///
    /// # Errors
    /// INTERNAL if the stored hash cannot be read.
    pub async fn verify(self, password: SecretString, stored: Option<String>) -> Result<bool, Error> {
        let fits = password.expose_secret().len() <= MAX_TYPED_BYTES;
        let password = if fits { password } else { String::new().into() };
        let stored = stored.filter(|stored| fits && !stored.starts_with(UNUSABLE));
        let (known, stored) = (stored.is_some(), stored.unwrap_or_else(|| self.hasher.decoy.to_string()));
        let matches = self.run(move || matches_any(password.expose_secret(), &stored)).await??;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let permit = self.hasher.queues.start(self.entry).await?;
        let (done, outcome) = oneshot::channel();
        // A thread for each operation, since a lowered priority can't be raised again.
        let thread = std::thread::Builder::new().name("password".to_owned());
        let spawned = thread.spawn(move || {
            yield_to_logged_in();
            let result = work();
            // The permit moves with the work: a caller that disconnects does not let another operation start
            // concurrently with it.
            drop(permit);
            done.send(result).ok();
        });
        spawned.map_err(|error| Error::internal(error))?;
        outcome.await.map_err(|error| Error::internal(error))
    }
}

/// Lowers the priority of this thread: a flood of log-ins must not delay logged-in users.
fn yield_to_logged_in() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "password hasher failed to lower its thread priority");
    }
}

fn hash(password: &str) -> Result<String, Error> {
    hash_as_it_is(&normalize(password))
}

fn hash_as_it_is(password: &str) -> Result<String, Error> {
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(|error| Error::internal(error))?.to_string())
}

/// Returns whether one of the readings of a password was hashed. None is skipped after a match: the time would reveal
/// which one matched.
fn matches_any(password: &str, stored: &str) -> Result<bool, Error> {
    let mut any = false;
    for reading in readings(password) {
        any |= matches(&reading, stored)?;
    }
    Ok(any)
}

fn matches(password: &str, stored: &str) -> Result<bool, Error> {
    if Pbkdf2::is_one(stored) {
        return Ok(Pbkdf2::parse(stored).map_err(|error| Error::internal(error))?.verify(password));
    }
    let parsed = PasswordHash::new(stored).map_err(|error| Error::internal(error))?;
    let params = Params::try_from(&parsed).map_err(|error| Error::internal(error))?;
    let (memory, passes, lanes) = MAX_STORED;
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes {
        return Err(Error::internal("the stored password hash exceeds the maximum memory, passes or lanes"));
    }
    Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

#[cfg(test)]
mod tests;
