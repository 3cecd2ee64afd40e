//! The server's secrets: the signing keys of tokens, and the pepper of API key hashes. From the configuration, or from
//! the file `signing.key` in the data directory, which is created at the first start.
//!
//! The file has one secret per line, the signing one first. A secret may be followed by attributes: `until=TIME` (RFC
//! 3339) on one that has been replaced, whose tokens are valid until then; `hashes` on the pepper of API keys. If no
//! line has that attribute, the file has only one line, which is the pepper. So API keys stay valid when the signing
//! key is rotated.

mod key_file;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use self::key_file::{KeyFileEntry, about, place, read, remove_drafts};
use crate::core::error::{Code, Error};
use crate::core::jwt;
use crate::core::keyed_hash::KeyedHash;
use crate::core::private_files;
use crate::core::random::Random;
use crate::core::signature::Signer;
use crate::infra::config::Config;

/// The server's secrets.
pub struct Secrets {
    /// The signing keys: the current one first, then previous ones whose tokens are still valid.
    pub signing: Vec<jwt::KeyMaterial>,
    /// The pepper of API keys and call fingerprints.
    pub hashing: SecretString,
}

impl Secrets {
    /// Returns the secrets of the configuration, or those of the file, which is created if it is missing.
    ///
    /// # Errors
    /// INTERNAL that names the file and the reason.
    pub fn open(config: &Config, random: &Random) -> Result<Self, Error> {
        if let Some(configured) = Self::configured(config)? {
            return Ok(configured);
        }
        let path = path(config);
        if !path.exists() {
            private_files::create_dir(&config.data.dir).map_err(|error| about(&config.data.dir, error))?;
            let line = KeyFileEntry { text: new_secret(random), until: None, hashes: false };
            place(&path, &[line], |draft, path| match draft.persist_noclobber(path) {
                // Of two servers that start at the same time the first one wins.
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
                placed => placed.map(drop).map_err(|error| error.error),
            })
            .map_err(|error| about(&path, error))?;
        }
        Self::of_lines(&read(&path)?)
    }

    /// Reads the secrets of the file, which may have been rotated; `None` if they are configured.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn reload(config: &Config) -> Result<Option<Self>, Error> {
        if is_configured(config) {
            return Ok(None);
        }
        Self::of_lines(&read(&path(config))?).map(Some)
    }

    /// Returns the id and the text of each secret, for the encryption of the API keys of providers: the current one first.
    pub fn for_encryption(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.signing.iter().map(|key| (key.id.as_str(), &key.text))
    }

    /// Returns the key that signs checkpoints and receipts of the ledger, derived from the signing key.
    ///
    /// # Errors
    /// INTERNAL, which has no reason to occur.
    pub fn ledger_signer(&self) -> Result<Signer, Error> {
        ledger_signer(self.signing.first().ok_or_else(|| Error::internal("there is no secret"))?)
    }

    /// Returns the public keys of that key and of those of the previous signing keys.
    ///
    /// # Errors
    /// As [`Self::ledger_signer`].
    pub fn ledger_public_keys(&self) -> Result<Vec<String>, Error> {
        self.signing.iter().map(|key| Ok(ledger_signer(key)?.public_key())).collect()
    }

    fn configured(config: &Config) -> Result<Option<Self>, Error> {
        if !is_configured(config) {
            return Ok(None);
        }
        let auth = &config.auth;
        let all = std::iter::once(&auth.secret).chain(&auth.previous_secrets);
        let hashing = Some(&auth.api_key_pepper).filter(|secret| !secret.expose_secret().is_empty());
        Ok(Some(Self {
            signing: all.map(|text| signing(text, None)).collect::<Result<_, _>>()?,
            hashing: hashing.unwrap_or(&auth.secret).clone(),
        }))
    }

    fn of_lines(lines: &[KeyFileEntry]) -> Result<Self, Error> {
        let hashing = lines.iter().find(|line| line.hashes).or(lines.first());
        let hashing = hashing.ok_or_else(|| Error::internal("there is no secret"))?.text.clone();
        Ok(Self {
            signing: lines.iter().map(|line| signing(&line.text, line.until)).collect::<Result<_, _>>()?,
            hashing,
        })
    }
}

/// The result of a rotation.
pub struct RotationResult {
    /// The id of the new signing key.
    pub signs: String,
    /// The ids of previous keys, each with the time until which its tokens are valid.
    pub retired: Vec<(String, DateTime<Utc>)>,
}

/// Rotates the signing key: puts a new secret first in the file. Tokens of the previous one stay valid until they
/// expire, or, with `at_once`, are invalid immediately. Those with an id in `in_use` stay in the file, since API keys of
/// providers are encrypted under them; and so does the previous one, if there are such keys.
///
/// # Errors
/// CONFLICT if the secret is configured; INTERNAL that names the file.
pub fn rotate(
    config: &Config,
    random: &Random,
    now: DateTime<Utc>,
    at_once: bool,
    in_use: &[String],
) -> Result<RotationResult, Error> {
    if is_configured(config) {
        let message = "the signing key is configured (auth.secret): give it a new value there, move the one before to \
                       auth.previous_secrets, and the first one ever to auth.api_key_pepper";
        return Err(Error::new(Code::Conflict, message));
    }
    Secrets::open(config, random)?;
    let path = path(config);
    // Of two concurrent rotations one waits for the other, and continues from its result.
    let lock = config.data.dir.join("signing.key.lock");
    let lock = private_files::options().create(true).open(&lock).map_err(|error| about(&lock, error))?;
    lock.lock().map_err(|error| about(&path, error))?;
    remove_drafts(&config.data.dir);
    let mut lines = read(&path)?;
    let none_marked = !lines.iter().any(|line| line.hashes);
    let longest = config.auth.access_ttl.max(config.auth.refresh_ttl);
    let end = if at_once { now } else { later(now, longest) };
    for (at, line) in lines.iter_mut().enumerate() {
        line.hashes |= none_marked && at == 0;
        line.until = Some(line.until.unwrap_or(end).min(end));
    }
    let mut kept = Vec::with_capacity(lines.len() + 1);
    for (at, line) in lines.into_iter().enumerate() {
        let is_valid = line.hashes || line.until.is_some_and(|until| until > now);
        let is_previous = at == 0 && !in_use.is_empty();
        if is_previous || is_valid || in_use.contains(&signing(&line.text, None)?.id) {
            kept.push(line);
        }
    }
    let mut lines = kept;
    lines.insert(0, KeyFileEntry { text: new_secret(random), until: None, hashes: false });
    place(&path, &lines, |draft, path| draft.persist(path).map(drop).map_err(|error| error.error))
        .map_err(|error| about(&path, error))?;
    let mut keys = Secrets::of_lines(&lines)?.signing.into_iter();
    let signs = keys.next().map(|key| key.id).unwrap_or_default();
    let retired = keys.filter_map(|key| key.until.filter(|until| *until > now).map(|until| (key.id, until))).collect();
    Ok(RotationResult { signs, retired })
}

/// Returns the path of the key file; `None` if the secrets are configured.
pub fn file(config: &Config) -> Option<PathBuf> {
    (!is_configured(config)).then(|| path(config))
}

fn is_configured(config: &Config) -> bool {
    !config.auth.secret.expose_secret().is_empty()
}

fn path(config: &Config) -> PathBuf {
    config.data.dir.join("signing.key")
}

fn signing(text: &SecretString, until: Option<DateTime<Utc>>) -> Result<jwt::KeyMaterial, Error> {
    let hash = KeyedHash::new(text.expose_secret().as_bytes(), "jeton: names of keys")
        .map_err(|error| Error::internal(error))?;
    let id = hash.of(b"").chars().take(16).collect();
    Ok(jwt::KeyMaterial { id, text: text.clone(), until })
}

fn ledger_signer(key: &jwt::KeyMaterial) -> Result<Signer, Error> {
    let hash = KeyedHash::new(key.text.expose_secret().as_bytes(), "jeton: signatures of the ledger")
        .map_err(|error| Error::internal(error))?;
    Signer::from_seed(&hash.digest(b""))
}

fn new_secret(random: &Random) -> SecretString {
    format!("{}{}", random.hex128(), random.hex128()).into()
}

fn later(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    chrono::TimeDelta::from_std(by).ok().and_then(|by| now.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
