//! Access and refresh tokens: JSON Web Tokens, HS256 only, as the clients of the REST routes know them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Proves who is asking, in each request.
    Access,
    /// Buys new access tokens.
    Refresh,
}

/// What a token says. `jti`, `iat`, `exp` are those of RFC 7519; times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What the token is for.
    pub token_type: Kind,
    /// When it ends.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// 32 hexadecimal digits, never used twice.
    pub jti: String,
    /// Whom it speaks for.
    pub user_id: i64,
    /// The session it belongs to, and ends with.
    pub session_id: i64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Unreadable, forged, expired or not yet valid.
    Invalid,
    /// A good token of the other kind.
    WrongType,
}

/// Makes and checks tokens with one key.
#[derive(Clone)]
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Keys {
    /// Keys from the secret bytes of the configuration.
    pub fn new(secret: &[u8]) -> Self {
        // The algorithm is pinned, and only here: a token's own header never chooses it.
        let mut validation = Validation::new(Algorithm::HS256);
        // The times are compared below, with the clock that was handed in and no leeway.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// Signs a token that lives for `ttl` from now.
    ///
    /// # Errors
    /// The signing library's, which it has no reason to give for HS256.
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
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// The claims of a token of this kind, if its signature holds and it is in its time.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, token: &str, kind: Kind, now: DateTime<Utc>) -> Result<Claims, Refused> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| Refused::Invalid)?
            .claims;
        if claims.exp <= now.timestamp() || claims.iat > now.timestamp() {
            Err(Refused::Invalid)
        } else if claims.token_type != kind {
            Err(Refused::WrongType)
        } else {
            Ok(claims)
        }
    }
}

/// What a new token is to say.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the token is for.
    pub kind: Kind,
    /// Whom it speaks for.
    pub user_id: i64,
    /// The session it belongs to.
    pub session_id: i64,
    /// Its own id.
    pub jti: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const DAY: Duration = Duration::from_secs(86_400);

    fn subject(kind: Kind) -> Subject<'static> {
        Subject { kind, user_id: 7, session_id: 3, jti: "00112233445566778899aabbccddeeff" }
    }

    #[test]
    fn a_token_holds_until_its_last_second() {
        let (keys, start) = (Keys::new(SECRET), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let token = keys.sign(subject(Kind::Access), start, DAY).unwrap();
        let at =
            |seconds| keys.verify(&token, Kind::Access, start + chrono::TimeDelta::seconds(seconds)).map(|c| c.user_id);
        assert_eq!(at(0), Ok(7));
        assert_eq!(at(86_399), Ok(7));
        assert_eq!(at(86_400), Err(Refused::Invalid));
        assert_eq!(at(-1), Err(Refused::Invalid));
    }

    #[test]
    fn kinds_keys_and_algorithms_are_not_interchangeable() {
        let (keys, now) = (Keys::new(SECRET), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let refresh = keys.sign(subject(Kind::Refresh), now, DAY).unwrap();
        assert_eq!(keys.verify(&refresh, Kind::Access, now), Err(Refused::WrongType));
        assert_eq!(
            Keys::new(b"another secret of the same length").verify(&refresh, Kind::Refresh, now),
            Err(Refused::Invalid)
        );
        let claims = keys.verify(&refresh, Kind::Refresh, now).unwrap();
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let other =
                jsonwebtoken::encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
            assert_eq!(keys.verify(&other, Kind::Refresh, now), Err(Refused::Invalid), "{algorithm:?}");
        }
        // {"alg":"none"} with the payload of a good token and no signature.
        let payload = refresh.split('.').nth(1).unwrap();
        assert_eq!(keys.verify(&format!("eyJhbGciOiJub25lIn0.{payload}."), Kind::Refresh, now), Err(Refused::Invalid));
    }
}
