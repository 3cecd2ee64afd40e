//! Signatures of outgoing webhooks by the scheme of Standard Webhooks: HMAC-SHA-256 of the id, the timestamp and the
//! body, in Base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use crate::core::error::Error;

/// The prefix of a symmetric secret.
const PREFIX: &str = "whsec_";
/// The length of a secret, in bytes; the specification asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// Returns a new secret: `whsec_` and 32 random bytes in Base64.
///
/// # Errors
/// INTERNAL if the system has no randomness.
pub fn new_secret() -> Result<SecretString, Error> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
    Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)).into())
}

/// Returns the signature of a message: `v1,` and the Base64 of the HMAC of `{id}.{timestamp}.{body}`. The timestamp is in
/// seconds since the Unix epoch.
///
/// # Errors
/// INTERNAL if the secret is not Base64.
pub fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &[u8]) -> Result<String, Error> {
    let secret = secret.expose_secret();
    let key = BASE64_STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret));
    // The source would repeat a part of the secret.
    let key = key.map_err(|_| Error::internal("the secret of a webhook is not Base64"))?;
    let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    signed.update(format!("{id}.{timestamp}.").as_bytes());
    signed.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(signed.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the specification's own libraries, for Rust and for Python.
    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        for (secret, id, timestamp, body, signature) in [
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ] {
            assert_eq!(sign(&secret.into(), id, timestamp, body.as_bytes()).unwrap(), signature);
        }
    }

    #[test]
    fn new_secrets_differ_and_sign() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().starts_with("whsec_"));
        assert_ne!(sign(&one, "msg_1", 1, b"{}").unwrap(), sign(&other, "msg_1", 1, b"{}").unwrap());
        assert!(sign(&"whsec_not base64".into(), "msg_1", 1, b"{}").is_err());
    }
}
