//! Access and refresh tokens: JSON Web Tokens, HS256 only, as the clients of the REST routes know them.
//!
//! Times are compared with the clock that is handed in, without leeway: all servers keep their clocks in sync.

mod claims;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};

pub use self::claims::{Claims, Subject, TokenError, TokenKind};

/// Longest token that is decoded, in bytes. Jeton's own have a few hundred in addition to issuer and audience.
pub const MAX_BYTES: usize = 8192;

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

#[cfg(test)]
mod tests;
