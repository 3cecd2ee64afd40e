//! `[auth]`: accounts and sessions.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// Maximum length of `contact`, in characters.
const MAX_CONTACT_CHARS: usize = 200;

/// `[auth]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The lifetime of an access token.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// The lifetime of a refresh token, and so of an idle session.
    #[serde(with = "humantime_serde")]
    pub refresh_ttl: Duration,
    /// The registration policy.
    pub registration: Registration,
    /// How to reach the operator, shown to anyone; if empty, nothing.
    pub contact: String,
    /// The signing key of tokens; if empty, from `signing.key` in `data.dir`. At least 32 bytes.
    #[serde(serialize_with = "hidden")]
    pub secret: SecretString,
    /// Previous values of `secret`: tokens signed with one of these stay valid.
    #[serde(serialize_with = "all_hidden")]
    pub previous_secrets: Vec<SecretString>,
    /// The pepper of API key hashes; if empty, `secret`.
    #[serde(serialize_with = "hidden")]
    pub api_key_pepper: SecretString,
    /// The `iss` claim of tokens, required in each; if empty, none.
    pub issuer: String,
    /// The `aud` claim of tokens, required in each; if empty, none.
    pub audience: String,
    /// Failed attempts per username before the first delay.
    pub login_attempts_before_delay: u32,
    /// Failed attempts per address before the first delay.
    pub login_attempts_before_delay_per_address: u32,
    /// The maximum delay between two attempts for one username, or from one address.
    #[serde(with = "humantime_serde")]
    pub login_max_delay: Duration,
    /// The maximum number of concurrent password hashes; each takes 19 MiB and a core.
    pub hashing_threads: usize,
    /// The maximum number of passwords queued for verification; the same number of new ones may be queued for hashing.
    pub max_queued_hashes: usize,
}

/// The registration policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, async_graphql::Enum)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone may register.
    Open,
    /// Only operators create accounts.
    Closed,
}

impl Auth {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        let single = [("secret", &self.secret), ("api_key_pepper", &self.api_key_pepper)];
        let former = self.previous_secrets.iter().map(|secret| ("previous_secrets", secret));
        for (key, secret) in single.into_iter().filter(|(_, secret)| !is_empty(secret)).chain(former) {
            if secret.expose_secret().len() < 32 {
                return Err(format!("auth.{key}: at least 32 bytes"));
            }
        }
        for (key, name) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            // Tokens contain both, and longer ones are not decoded: see `jwt::MAX_BYTES`.
            if name.len() > 1000 {
                return Err(format!("auth.{key}: at most 1000 bytes"));
            }
        }
        let is_one_line = self.contact.chars().count() <= MAX_CONTACT_CHARS && !self.contact.contains(char::is_control);
        if !is_one_line {
            return Err(format!("auth.contact: one line of at most {MAX_CONTACT_CHARS} characters"));
        }
        if is_empty(&self.secret) && !(self.previous_secrets.is_empty() && is_empty(&self.api_key_pepper)) {
            return Err("auth.secret: required with auth.previous_secrets and auth.api_key_pepper".to_owned());
        }
        Ok(())
    }
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

/// Serializes whether there is a secret, but not the secret.
fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if is_empty(secret) { "" } else { "(hidden)" })
}

fn all_hidden<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(|_| "(hidden)"))
}
