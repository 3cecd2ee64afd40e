//! Keyed hashes (HMAC-SHA-256) of what must be recognised, but never be stored: API keys, and the calls of programs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Hashes with one key.
#[derive(Clone)]
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// For a purpose, from the server's secret: hashes of one purpose say nothing in another.
    ///
    /// # Errors
    /// The library's, which it has no reason to give: any length of a key will do.
    pub fn new(secret: &[u8], purpose: &str) -> Result<Self, hmac::digest::InvalidLength> {
        let mut derived = Hmac::<Sha256>::new_from_slice(secret)?;
        derived.update(purpose.as_bytes());
        Hmac::new_from_slice(&derived.finalize().into_bytes()).map(Self)
    }

    /// The hash in hexadecimal.
    pub fn of(&self, bytes: &[u8]) -> String {
        self.begun(bytes).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The hash itself, for what is kept in memory.
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        self.begun(bytes).finalize().into_bytes().into()
    }

    /// Whether this is the hash. Takes the same time wherever they differ.
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
