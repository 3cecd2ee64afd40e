//! Passwords: the rules for new ones, and hashing off the async threads, bounded in number and behind all else.
//!
//! Argon2id with OWASP's minimum parameters (19 MiB, two passes, one lane). Hashing waits for one of a few permits, so
//! that a flood of log-ins neither takes all the memory nor starves the turns.
//!
//! Passwords that came by import are verified with the hash that they came with ([`Pbkdf2`]) until the first log-in, which
//! replaces it. A stored text that begins with [`UNUSABLE`] is no password's hash.

mod pbkdf2;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, oneshot};

pub use self::pbkdf2::Pbkdf2;
use crate::error::Error;

/// How the stored text of a user without any password begins.
pub const UNUSABLE: char = '!';
/// Shortest password in characters (NIST SP 800-63B).
pub const MIN_CHARS: usize = 8;
/// Longest password in characters: long enough for any passphrase, short enough to check quickly.
pub const MAX_CHARS: usize = 256;
/// zxcvbn's scale goes from 0 to 4; below 2 a password falls to an online attack that nobody slows down.
const MIN_SCORE: u8 = 2;

/// How far hashing stays behind, as Unix counts it: with both cores busy it gets about a tenth.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Hashes and verifies passwords, so many at a time.
#[derive(Clone)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    threads: usize,
    waiting: Arc<AtomicUsize>,
    /// The hash that an unknown user's password is compared with, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Hasher {
    /// A hasher that works on `threads` passwords at once.
    ///
    /// # Errors
    /// INTERNAL where the system has no randomness for a salt.
    pub fn new(threads: usize) -> Result<Self, Error> {
        Ok(Self {
            permits: Arc::new(Semaphore::new(threads)),
            threads,
            waiting: Arc::default(),
            decoy: hash("decoy")?.into(),
        })
    }

    /// The hash of a password, in PHC string format.
    ///
    /// # Errors
    /// INTERNAL where hashing fails.
    pub async fn hash(&self, password: SecretString) -> Result<String, Error> {
        self.run(move || hash(password.expose_secret())).await
    }

    /// Whether this is the password. Without a stored hash the answer is no, after the same time.
    ///
    /// # Errors
    /// INTERNAL where the stored hash cannot be read.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, Error> {
        let stored = stored.filter(|stored| !stored.starts_with(UNUSABLE));
        let (known, stored) = (stored.is_some(), stored.unwrap_or_else(|| self.decoy.to_string()));
        let matches = self.run(move || {
            if Pbkdf2::is_one(&stored) {
                return Ok(Pbkdf2::parse(&stored).map_err(Error::internal)?.verify(password.expose_secret()));
            }
            let parsed = PasswordHash::new(&stored).map_err(Error::internal)?;
            Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok())
        });
        Ok(matches.await? && known)
    }

    /// Passwords that are worked on now, and those that wait.
    pub fn load(&self) -> (usize, usize) {
        let running = self.threads.saturating_sub(self.permits.available_permits());
        (running, self.waiting.load(Ordering::Relaxed))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let waiting = Waiting::new(&self.waiting);
        let permit = self.permits.clone().acquire_owned().await.map_err(Error::internal)?;
        drop(waiting);
        let (done, outcome) = oneshot::channel();
        // A thread of its own, since a priority that was lowered can't be raised again.
        let thread = std::thread::Builder::new().name("password".to_owned());
        let spawned = thread.spawn(move || {
            // The permit goes with the work: a caller who gives up does not let another hash start beside it.
            let _permit = permit;
            give_way();
            done.send(work()).ok();
        });
        spawned.map_err(Error::internal)?;
        outcome.await.map_err(Error::internal)?
    }
}

/// Lets everything else on this machine go first: a flood of log-ins must not hold up those who are logged in.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the priority of a thread could not be lowered");
    }
}

/// One who waits, until this is dropped: also by going away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(password: &str) -> Result<String, Error> {
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(Error::internal)?.to_string())
}

/// What strangers try first: the passwords that head the lists of leaked ones, and those that servers come with.
const COMMON: [&str; 24] = [
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "password",
    "password1",
    "password123",
    "Password1",
    "qwerty",
    "qwerty123",
    "qwertyuiop",
    "111111",
    "abc123",
    "iloveyou",
    "letmein",
    "welcome",
    "welcome1",
    "admin",
    "admin123",
    "administrator",
    "root",
    "changeme",
    "secret",
    "test",
];

/// The passwords that strangers try first for this name.
pub fn common(username: &str) -> impl Iterator<Item = String> {
    let own = [String::new(), username.to_owned(), username.to_lowercase(), format!("{username}123")];
    COMMON.into_iter().map(str::to_owned).chain(own)
}

/// Whether a new password will do; if not, a sentence that says why.
pub fn check(password: &str, username: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < MIN_CHARS {
        return Err(format!("Ensure this password has at least {MIN_CHARS} characters."));
    }
    if length > MAX_CHARS {
        return Err(format!("Ensure this password has no more than {MAX_CHARS} characters."));
    }
    if password.to_lowercase() == username.to_lowercase() {
        return Err("This password is the user name.".to_owned());
    }
    if u8::from(zxcvbn::zxcvbn(password, &[username]).score()) < MIN_SCORE {
        return Err("This password is too common or too easy to guess.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_common_and_telling_passwords_are_refused() {
        for bad in ["", "short", "password", "password123", "12345678", "qwertyuiop", "mia-winter", &"x".repeat(300)] {
            assert!(check(bad, "mia-winter").is_err(), "{bad}");
        }
        for good in ["correct horse battery", "tr0ub4dor&3x", "пароль-из-трёх-слов"] {
            assert_eq!(check(good, "mia"), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let hasher = Hasher::new(1).unwrap();
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(hasher.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("Correct horse".into(), Some(hash)).await.unwrap());
        for unusable in [None, Some("!".to_owned()), Some("!decoy".to_owned())] {
            assert!(!hasher.verify("decoy".into(), unusable).await.unwrap());
        }
    }
}
