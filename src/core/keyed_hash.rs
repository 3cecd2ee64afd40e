//! Keyed hashes (HMAC-SHA-256) of values that must be recognised but never stored: API keys and API calls.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A keyed hash function.
#[derive(Clone)]
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// Derives the function for a purpose from the server's secret: hashes of one purpose reveal nothing in another.
    ///
    /// # Errors
    /// An error of the library, which has no reason to fail: it accepts a key of any length.
    pub fn new(secret: &[u8], purpose: &str) -> Result<Self, hmac::digest::InvalidLength> {
        let mut derived = Hmac::<Sha256>::new_from_slice(secret)?;
        derived.update(purpose.as_bytes());
        Hmac::new_from_slice(&derived.finalize().into_bytes()).map(Self)
    }

    /// Returns the hash of bytes in hexadecimal.
    pub fn of(&self, bytes: &[u8]) -> String {
        self.begun(bytes).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the raw hash of bytes, for values that are kept in memory.
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        self.begun(bytes).finalize().into_bytes().into()
    }

    /// Returns whether this is the hash of these bytes. Compares in constant time.
    pub fn is_of(&self, hash: &str, bytes: &[u8]) -> bool {
        let digits: Option<Vec<u8>> = hash
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        digits.is_some_and(|digits| self.begun(bytes).verify_slice(&digits).is_ok())
    }

    fn begun(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut hash = self.0.clone();
        hash.update(bytes);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_of_their_bytes_their_key_and_their_purpose() {
        let hash = KeyedHash::new(b"secret", "keys").unwrap();
        let of = hash.of(b"jt-1");
        assert_eq!(of.len(), 64);
        assert!(hash.is_of(&of, b"jt-1"));
        for wrong in ["", "zz", &of[..62], &of.replace(of.get(..1).unwrap(), "x")] {
            assert!(!hash.is_of(wrong, b"jt-1"), "{wrong}");
        }
        assert!(!hash.is_of(&of, b"jt-2"));
        assert_ne!(KeyedHash::new(b"secret", "calls").unwrap().of(b"jt-1"), of);
        assert_ne!(KeyedHash::new(b"other", "keys").unwrap().of(b"jt-1"), of);
    }
}
