//! Encryption at rest (AES-256-GCM) of the API keys of providers and of the secrets of webhooks, by keys that are derived
//! (HKDF-SHA-256) from the server's secrets. The first secret encrypts; the previous ones still decrypt.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use crate::core::error::Error;

/// The purpose of the derived keys, so that no other use of the secret reveals anything about them.
const PURPOSE: &[u8] = b"jeton: encryption of the API keys of providers, AES-256-GCM";

/// The keys of encryption. Clones share them.
#[derive(Clone)]
pub struct Encryption(Arc<RwLock<Arc<[Secret]>>>);

struct Secret {
    id: String,
    key: LessSafeKey,
}

/// An encrypted text, and the id of the secret that it is encrypted under.
pub struct Encrypted {
    /// The id of the secret.
    pub secret_id: String,
    /// The nonce and the ciphertext, in Base64.
    pub text: String,
}

/// Why a text can't be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecryptError {
    /// The server does not have the secret.
    UnknownSecret,
    /// The text was changed, or belongs to another row.
    Invalid,
}

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSecret => "it is encrypted under a secret that this server does not have",
            Self::Invalid => "it was changed, or belongs to another row",
        })
    }
}

impl Encryption {
    /// Derives the keys of secrets, each with its id; the first one encrypts.
    ///
    /// # Errors
    /// INTERNAL, which has no reason to occur.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Result<Self, Error> {
        Ok(Self(Arc::new(RwLock::new(derived(secrets)?))))
    }

    /// Replaces the secrets, after a rotation.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn replace<'a>(&self, secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Result<(), Error> {
        let derived = derived(secrets)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = derived;
        Ok(())
    }

    /// Returns the id of the secret that encrypts.
    pub fn current_id(&self) -> String {
        self.secrets().first().map(|secret| secret.id.clone()).unwrap_or_default()
    }

    /// Encrypts a text for one place, such as a column of a row: it can't be decrypted as that of another one.
    ///
    /// # Errors
    /// INTERNAL if the system has no randomness.
    pub fn encrypt(&self, place: &str, text: &SecretString) -> Result<Encrypted, Error> {
        let secrets = self.secrets();
        let secret = secrets.first().ok_or_else(|| Error::internal("there is no secret"))?;
        let failed = |_| Error::internal("encryption failed");
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut sealed = text.expose_secret().as_bytes().to_vec();
        let aad = Aad::from(place.as_bytes());
        secret.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).map_err(failed)?;
        let text = BASE64_STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        Ok(Encrypted { secret_id: secret.id.clone(), text })
    }

    /// Decrypts the text of a place.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt(&self, place: &str, secret_id: &str, text: &str) -> Result<SecretString, DecryptError> {
        let secrets = self.secrets();
        let secret = secrets.iter().find(|secret| secret.id == secret_id).ok_or(DecryptError::UnknownSecret)?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| DecryptError::Invalid)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(DecryptError::Invalid)?;
        let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let opened = secret.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed);
        let opened = opened.map_err(|_| DecryptError::Invalid)?;
        std::str::from_utf8(opened).map(SecretString::from).map_err(|_| DecryptError::Invalid)
    }

    fn secrets(&self) -> Arc<[Secret]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn derived<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Result<Arc<[Secret]>, Error> {
    let failed = |_| Error::internal("a key can't be derived");
    let derive = |(id, secret): (&str, &SecretString)| {
        let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose_secret().as_bytes());
        let expanded = extracted.expand(&[PURPOSE], &AES_256_GCM).map_err(failed)?;
        Ok(Secret { id: id.to_owned(), key: LessSafeKey::new(UnboundKey::from(expanded)) })
    };
    secrets.into_iter().map(derive).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decrypted_in_its_place_by_its_secret_and_unchanged() {
        let (old, new) = (SecretString::from("an old secret"), SecretString::from("a new secret"));
        let before = Encryption::new([("old", &old)]).unwrap();
        let key = SecretString::from("sk-provider-key");
        let Encrypted { secret_id, text } = before.encrypt("provider 1", &key).unwrap();
        assert!(!text.contains("provider") && secret_id == "old");
        let again = before.encrypt("provider 1", &key).unwrap();
        assert_ne!(again.text, text, "the nonce differs");
        let after = Encryption::new([("new", &new), ("old", &old)]).unwrap();
        let opened = |place: &str, id: &str, text: &str| {
            after.decrypt(place, id, text).map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(opened("provider 1", "old", &text).as_deref(), Ok("sk-provider-key"));
        assert_eq!(opened("provider 2", "old", &text), Err(DecryptError::Invalid));
        assert_eq!(opened("provider 1", "new", &text), Err(DecryptError::Invalid));
        assert_eq!(opened("provider 1", "none", &text), Err(DecryptError::UnknownSecret));
        assert_eq!(opened("provider 1", "old", &text[..20]), Err(DecryptError::Invalid));
        assert_eq!(opened("provider 1", "old", ""), Err(DecryptError::Invalid));
        assert_eq!(after.current_id(), "new");
        after.replace([("new", &new)]).unwrap();
        assert_eq!(opened("provider 1", "old", &text), Err(DecryptError::UnknownSecret));
    }
}
