//! Access and refresh tokens: JSON Web Tokens, HS256 only, as the clients of the REST routes know them.
//!
//! Times are compared with the clock that is handed in, without leeway: all servers keep their clocks in sync.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Longest token that is decoded, in bytes. Jeton's own have a few hundred in addition to issuer and audience.
pub const MAX_BYTES: usize = 8192;

/// The purpose of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Authenticates each request.
    Access,
    /// Obtains new access tokens.
    Refresh,
}

/// The claims of a token. `jti`, `iat`, `exp`, `iss`, `aud` are those of RFC 7519; times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The purpose of the token.
    pub token_type: TokenKind,
    /// Expiry time.
    pub exp: i64,
    /// Time of issue.
    pub iat: i64,
    /// Token id: 32 hexadecimal digits, never reused.
    pub jti: String,
    /// The user whom it authenticates.
    pub user_id: i64,
    /// The session that it belongs to and is revoked with.
    pub session_id: i64,
    /// The time before which the token is not valid, if its issuer set one (RFC 7519, section 4.1.5). Jeton's own
    /// tokens are valid immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The issuer, if one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The audience, if one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}

/// The reason why a token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Unreadable, forged, expired, not yet valid, or of another issuer or audience.
    Invalid,
    /// A valid token of the other kind.
    WrongType,
}

/// Key material: the secret of a signing key.
#[derive(Clone, Debug)]
pub struct KeyMaterial {
    /// Key id, which tokens carry in their header (`kid`). Reveals nothing about the secret.
    pub id: String,
    /// The secret, at least 32 bytes.
    pub text: SecretString,
    /// End of validity of the tokens that it signed; if `None`, only their own `exp` limits them.
    pub until: Option<DateTime<Utc>>,
}

/// Issuer and audience of tokens: if configured, every new token carries them, and every token must match them.
#[derive(Clone, Debug, Default)]
pub struct IssuerConfig {
    /// The `iss` claim.
    pub issuer: Option<String>,
    /// The `aud` claim.
    pub audience: Option<String>,
}

/// A key ring: signs tokens with its first key, and verifies them with all keys. Clones share it.
#[derive(Clone)]
pub struct KeyRing {
    ring: Arc<RwLock<Arc<[SigningKey]>>>,
    validation: Arc<Validation>,
    names: Arc<IssuerConfig>,
}

struct SigningKey {
    secret: KeyMaterial,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl KeyRing {
    /// Creates a key ring from secrets; the first one signs.
    pub fn new(secrets: &[KeyMaterial], names: IssuerConfig) -> Self {
        // The algorithm is pinned, and only here: a token's own header never chooses it.
        let mut validation = Validation::new(Algorithm::HS256);
        // `verify` compares the times with the given clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        if let Some(issuer) = &names.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        if let Some(audience) = &names.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        Self { ring: Arc::new(RwLock::new(ring(secrets))), validation: Arc::new(validation), names: Arc::new(names) }
    }

    /// Replaces the secrets; returns whether their ids or ends of validity differ from the previous ones.
    pub fn replace(&self, secrets: &[KeyMaterial]) -> bool {
        let mut ring_now = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let named = |secret: &KeyMaterial| (secret.id.clone(), secret.until);
        let same = ring_now.iter().map(|key| named(&key.secret)).eq(secrets.iter().map(named));
        if !same {
            *ring_now = ring(secrets);
        }
        !same
    }

    /// Signs a token that is valid for `ttl` from `now`.
    ///
    /// # Errors
    /// An error of the signing library, which has no reason to fail for HS256.
    pub fn sign(
        &self,
        subject: Subject<'_>,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            token_type: subject.kind,
            exp: now.timestamp().saturating_add_unsigned(ttl.as_secs()),
            iat: now.timestamp(),
            jti: subject.jti.to_owned(),
            user_id: subject.user_id,
            session_id: subject.session_id,
            nbf: None,
            iss: self.names.issuer.clone(),
            aud: self.names.audience.clone(),
        };
        let ring = self.ring();
        let key = ring.first().ok_or(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat)?;
        let header = Header { kid: Some(key.secret.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &key.encoding)
    }

    /// Returns the claims of a token of this kind, if its signature is valid and `now` is within its validity.
    ///
    /// # Errors
    /// The reason why it is rejected.
    pub fn verify(&self, token: &str, kind: TokenKind, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let named = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?.kid;
        let ring = self.ring();
        // Tokens without a key id, from before ids existed, may be of any key.
        let mut candidates = ring
            .iter()
            .filter(|key| named.as_ref().is_none_or(|named| *named == key.secret.id))
            .filter(|key| key.secret.until.is_none_or(|until| now < until));
        let claims = candidates
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation).ok())
            .ok_or(TokenError::Invalid)?
            .claims;
        let is_early = claims.nbf.is_some_and(|from| from > now.timestamp());
        if claims.exp <= now.timestamp() || claims.iat > now.timestamp() || is_early {
            Err(TokenError::Invalid)
        } else if claims.token_type != kind {
            Err(TokenError::WrongType)
        } else {
            Ok(claims)
        }
    }

    fn ring(&self) -> Arc<[SigningKey]> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn ring(secrets: &[KeyMaterial]) -> Arc<[SigningKey]> {
    let key = |secret: &KeyMaterial| {
        let bytes = secret.text.expose_secret().as_bytes();
        SigningKey {
            secret: secret.clone(),
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        }
    };
    secrets.iter().map(key).collect()
}

/// The subject of a new token.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The purpose of the token.
    pub kind: TokenKind,
    /// The user whom it authenticates.
    pub user_id: i64,
    /// The session that it belongs to.
    pub session_id: i64,
    /// The token id.
    pub jti: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const DAY: Duration = Duration::from_secs(86_400);

    fn subject(kind: TokenKind) -> Subject<'static> {
        Subject { kind, user_id: 7, session_id: 3, jti: "00112233445566778899aabbccddeeff" }
    }

    fn secret(id: &str, text: &str) -> KeyMaterial {
        KeyMaterial { id: id.to_owned(), text: text.into(), until: None }
    }

    fn keys() -> KeyRing {
        KeyRing::new(&[secret("one", SECRET)], IssuerConfig::default())
    }

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    #[test]
    fn a_token_holds_until_its_last_second() {
        let (keys, start) = (keys(), start());
        let token = keys.sign(subject(TokenKind::Access), start, DAY).unwrap();
        let at = |seconds| {
            keys.verify(&token, TokenKind::Access, start + chrono::TimeDelta::seconds(seconds)).map(|c| c.user_id)
        };
        assert_eq!(at(0), Ok(7));
        assert_eq!(at(86_399), Ok(7));
        assert_eq!(at(86_400), Err(TokenError::Invalid));
        assert_eq!(at(-1), Err(TokenError::Invalid));
    }

    #[test]
    fn a_token_is_good_from_its_own_time_on() {
        let (keys, now) = (keys(), start());
        let signed = |nbf: Option<i64>| {
            let token = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
            let claims = Claims { nbf, ..keys.verify(&token, TokenKind::Access, now).unwrap() };
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
        };
        for (nbf, is_good) in [(None, true), (Some(0), true), (Some(60), false), (Some(-60), true)] {
            let token = signed(nbf.map(|after| now.timestamp() + after));
            assert_eq!(keys.verify(&token, TokenKind::Access, now).is_ok(), is_good, "{nbf:?}");
        }
    }

    #[test]
    fn kinds_keys_and_algorithms_are_not_interchangeable() {
        let (keys, now) = (keys(), start());
        let refresh = keys.sign(subject(TokenKind::Refresh), now, DAY).unwrap();
        assert_eq!(keys.verify(&refresh, TokenKind::Access, now), Err(TokenError::WrongType));
        let other = KeyRing::new(&[secret("one", "another secret of the same length")], IssuerConfig::default());
        assert_eq!(other.verify(&refresh, TokenKind::Refresh, now), Err(TokenError::Invalid));
        let claims = keys.verify(&refresh, TokenKind::Refresh, now).unwrap();
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let other = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
            assert_eq!(keys.verify(&other, TokenKind::Refresh, now), Err(TokenError::Invalid), "{algorithm:?}");
        }
        // {"alg":"none"} with the payload of a valid token and no signature.
        let payload = refresh.split('.').nth(1).unwrap();
        assert_eq!(
            keys.verify(&format!("eyJhbGciOiJub25lIn0.{payload}."), TokenKind::Refresh, now),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn a_token_that_is_too_long_is_not_looked_at() {
        // Valid except for its length: unknown claims are ignored.
        let sign = |filler: usize| {
            let claims = serde_json::json!({ "token_type": "access", "exp": start().timestamp() + 60,
                "iat": start().timestamp(), "jti": "x", "user_id": 7, "session_id": 3, "filler": "x".repeat(filler) });
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
        };
        assert!(keys().verify(&sign(5_000), TokenKind::Access, start()).is_ok());
        assert_eq!(keys().verify(&sign(10_000), TokenKind::Access, start()), Err(TokenError::Invalid));
    }

    #[test]
    fn the_longest_names_of_the_configuration_fit_into_a_token() {
        let name = Some("x".repeat(1000));
        let keys = KeyRing::new(&[secret("one", SECRET)], IssuerConfig { issuer: name.clone(), audience: name });
        let token = keys.sign(subject(TokenKind::Access), start(), DAY).unwrap();
        assert!(keys.verify(&token, TokenKind::Access, start()).is_ok(), "{}", token.len());
    }

    #[test]
    fn after_a_rotation_old_tokens_are_good_for_their_time_and_new_ones_have_the_new_key() {
        let (keys, now) = (keys(), start());
        let old = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
        let until = now + chrono::TimeDelta::hours(1);
        let retired = KeyMaterial { until: Some(until), ..secret("one", SECRET) };
        let ring = [secret("two", "a second secret of enough length!"), retired];
        assert!(keys.clone().replace(&ring), "clones share the ring");
        assert!(!keys.replace(&ring), "equal secrets are no change");
        assert!(keys.verify(&old, TokenKind::Access, now).is_ok());
        assert_eq!(keys.verify(&old, TokenKind::Access, until), Err(TokenError::Invalid));
        let new = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
        assert_eq!(jsonwebtoken::decode_header(&new).unwrap().kid.as_deref(), Some("two"));
        assert!(keys.verify(&new, TokenKind::Access, until).is_ok());
        // The id of one key does not make the signature of another valid.
        assert!(keys.replace(&[secret("two", SECRET)]));
        assert_eq!(keys.verify(&old, TokenKind::Access, now), Err(TokenError::Invalid), "no key has that id");
    }

    #[test]
    fn tokens_without_the_name_of_a_key_are_tried_with_all_of_them() {
        let (keys, now) = (keys(), start());
        let claims =
            keys.verify(&keys.sign(subject(TokenKind::Access), now, DAY).unwrap(), TokenKind::Access, now).unwrap();
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let nameless = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        keys.replace(&[secret("two", "a second secret of enough length!"), secret("one", SECRET)]);
        assert!(keys.verify(&nameless, TokenKind::Access, now).is_ok());
    }

    #[test]
    fn issuer_and_audience_are_asked_for_where_they_are_named() {
        let named = |issuer: Option<&str>, audience: Option<&str>| {
            let names = IssuerConfig { issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned) };
            KeyRing::new(&[secret("one", SECRET)], names)
        };
        let now = start();
        let all = [named(None, None), named(Some("a"), None), named(None, Some("a")), named(Some("a"), Some("a"))];
        for (signs, signer) in all.iter().enumerate() {
            let token = signer.sign(subject(TokenKind::Access), now, DAY).unwrap();
            for (checks, checker) in all.iter().enumerate() {
                // Without a configured issuer any is accepted; a token with an audience is valid for that one only (RFC
                // 7519, section 4.1.3).
                let good = signs == checks || (signs, checks) == (1, 0);
                assert_eq!(checker.verify(&token, TokenKind::Access, now).is_ok(), good || (signs, checks) == (3, 2));
            }
            let other = named(Some("b"), Some("b"));
            assert_eq!(other.verify(&token, TokenKind::Access, now), Err(TokenError::Invalid));
        }
    }
}
