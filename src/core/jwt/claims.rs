//! The claims of tokens, and the reasons why a token is rejected.

use crate::core::ids::{SessionId, UserId};
use serde::{Deserialize, Serialize};

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
    pub user_id: UserId,
    /// The session that it belongs to and is revoked with.
    pub session_id: SessionId,
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

/// The subject of a new token.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The purpose of the token.
    pub kind: TokenKind,
    /// The user whom it authenticates.
    pub user_id: UserId,
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// The token id.
    pub jti: &'a str,
}
