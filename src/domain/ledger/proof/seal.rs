//! Seals: the hash of a file and its signature.

use migration::ledger_chain::{Hash, from_hex, to_hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::core::signature::{Signer, is_valid};

/// What is sealed. A seal of one kind is none of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKind {
    /// A checkpoint.
    Checkpoint,
    /// A receipt.
    Receipt,
}

/// The seal of a file. All values are in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The SHA-256 hash of the sealed bytes.
    pub sha256: String,
    /// The Ed25519 public key of the signature.
    pub public_key: String,
    /// The signature of the kind and the hash.
    pub signature: String,
}

impl Seal {
    /// Seals bytes with this hash.
    pub fn new(signer: &Signer, kind: SealKind, hash: &Hash) -> Self {
        Self { sha256: to_hex(hash), public_key: signer.public_key(), signature: signer.sign(&kind.message(hash)) }
    }

    /// Checks that the seal is of bytes with this hash, and its own signature.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, kind: SealKind, hash: &Hash) -> Result<(), String> {
        if from_hex(&self.sha256) != Some(*hash) {
            return Err("its content does not have the hash of its seal: it was changed or is cut off".to_owned());
        }
        let parts = from_hex(&self.public_key).zip(
            self.signature
                .split_at_checked(64)
                .and_then(|(first, second)| from_hex(first).zip(from_hex(second)))
                .map(|(first, second)| [first, second].concat()),
        );
        let is_signed = parts.is_some_and(|(key, signature)| is_valid(&key, &kind.message(hash), &signature));
        if is_signed { Ok(()) } else { Err("the signature of its seal is not valid".to_owned()) }
    }
}

impl SealKind {
    /// Returns the message that is signed.
    fn message(self, hash: &Hash) -> Vec<u8> {
        let tag: &[u8] = match self {
            Self::Checkpoint => b"jeton checkpoint 1\n",
            Self::Receipt => b"jeton receipt 1\n",
        };
        [tag, hash].concat()
    }
}

/// Returns the hash of bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}
