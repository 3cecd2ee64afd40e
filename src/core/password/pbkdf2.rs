//! Password hashes in Django's format: `pbkdf2_sha256$ITERATIONS$SALT$HASH`, the hash in Base64.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, verify};

const KIND: &str = "pbkdf2_sha256$";
/// Maximum number of iterations, which take about a second, so that no imported file makes a log-in take longer.
/// Django's default grows with each of its versions, and was 1.2 million in version 6.0.
const MAX_ITERATIONS: u32 = 3_000_000;
/// Length of a SHA-256 hash in bytes.
const HASH_BYTES: usize = 32;
/// Longest salt in bytes; Django's have 22.
const MAX_SALT_BYTES: usize = 128;

/// A password hash by PBKDF2 with HMAC-SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbkdf2 {
    iterations: NonZeroU32,
    salt: String,
    hash: Vec<u8>,
}

impl Pbkdf2 {
    /// Returns whether a stored text has the prefix of this format.
    pub fn is_one(stored: &str) -> bool {
        stored.starts_with(KIND)
    }

    /// Parses a stored text.
    ///
    /// # Errors
    /// The defect, without quoting the text.
    pub fn parse(stored: &str) -> Result<Self, &'static str> {
        let parts = stored.strip_prefix(KIND).ok_or("its algorithm is not pbkdf2_sha256")?;
        let mut parts = parts.split('$');
        let (Some(iterations), Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it does not have the four parts of a hash");
        };
        let iterations = Some(iterations).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let iterations = iterations.and_then(|digits| digits.parse().ok()).and_then(NonZeroU32::new);
        let iterations = iterations.filter(|count| count.get() <= MAX_ITERATIONS);
        let iterations = iterations.ok_or("the number of iterations is not between 1 and 3000000")?;
        if salt.is_empty() || salt.len() > MAX_SALT_BYTES {
            return Err("its salt is empty or too long");
        }
        let hash = STANDARD.decode(hash).ok().filter(|hash| hash.len() == HASH_BYTES);
        Ok(Self { iterations, salt: salt.to_owned(), hash: hash.ok_or("its last part is not SHA-256 in Base64")? })
    }

    /// Returns whether this is the password.
    pub fn verify(&self, password: &str) -> bool {
        verify(PBKDF2_HMAC_SHA256, self.iterations, self.salt.as_bytes(), password.as_bytes(), &self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Python: `hashlib.pbkdf2_hmac("sha256", "пароль 🔑".encode(), b"salt", 1000)`.
    const HASH: &str = "zqPFa3HzEbIMhza1BgtXIx5UEAGiIcPRTFenjrl5l74=";

    fn with(iterations: &str, salt: &str) -> String {
        format!("pbkdf2_sha256${iterations}${salt}${HASH}")
    }

    #[test]
    fn hashes_of_django_verify() {
        let hash = Pbkdf2::parse(&with("1000", "salt")).unwrap();
        assert!(hash.verify("пароль 🔑"));
        assert!(!hash.verify("пароль"));
        assert!(!Pbkdf2::parse(&with("1001", "salt")).unwrap().verify("пароль 🔑"));
        assert!(!Pbkdf2::parse(&with("1000", "Salt")).unwrap().verify("пароль 🔑"));
    }

    #[test]
    fn garbage_is_refused() {
        for (wrong, why) in [
            (String::new(), "algorithm"),
            (HASH.to_owned(), "algorithm"),
            ("pbkdf2_sha1$1000$salt$AAAA".to_owned(), "algorithm"),
            ("pbkdf2_sha256$".to_owned(), "four parts"),
            (format!("{}$more", with("1000", "salt")), "four parts"),
            (with("0", "salt"), "iterations"),
            (with("-1", "salt"), "iterations"),
            (with("+1", "salt"), "iterations"),
            (with("", "salt"), "iterations"),
            (with("3000001", "salt"), "iterations"),
            (with("99999999999999999999", "salt"), "iterations"),
            (with("1000", ""), "salt"),
            (with("1000", &"s".repeat(129)), "salt"),
            ("pbkdf2_sha256$1000$salt$".to_owned(), "Base64"),
            ("pbkdf2_sha256$1000$salt$AAAA".to_owned(), "Base64"),
            ("pbkdf2_sha256$1000$salt$not base64!".to_owned(), "Base64"),
        ] {
            let message = Pbkdf2::parse(&wrong).unwrap_err();
            assert!(message.contains(why), "{wrong}: {message}");
        }
    }
}
