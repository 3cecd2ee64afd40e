//! Signatures by Ed25519, which anyone can verify who knows the public key.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::core::error::Error;

/// A key that signs.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// Derives the key from a secret seed: the same seed is the same key.
    ///
    /// # Errors
    /// INTERNAL, which has no reason to occur for any seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|error| Error::internal(error.to_string()))
    }

    /// Returns the public key in hexadecimal.
    pub fn public_key(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Signs a message, and returns the signature in hexadecimal.
    pub fn sign(&self, message: &[u8]) -> String {
        hex(self.0.sign(message).as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether this is the signature of a message by the owner of a public key.
pub fn is_valid(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}
