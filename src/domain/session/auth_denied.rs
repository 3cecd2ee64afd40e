//! The reasons why a credential is rejected.

use crate::core::error::{Code, Error};
use crate::core::jwt::TokenError;

/// The reason why a credential is rejected. The REST routes distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthDenied {
    /// Unreadable, forged, expired, or its session has ended.
    Invalid,
    /// A refresh token where an access token is required, or vice versa.
    WrongType,
    /// The user is deleted.
    UserNotFound,
    /// The user is deactivated.
    UserInactive,
}

impl From<AuthDenied> for Error {
    fn from(denied: AuthDenied) -> Self {
        let message = match denied {
            AuthDenied::Invalid => "The token is invalid or expired.",
            AuthDenied::WrongType => "The token has the wrong type.",
            AuthDenied::UserNotFound => "User not found.",
            AuthDenied::UserInactive => "User is inactive.",
        };
        Error::new(Code::Unauthenticated, message)
    }
}

impl From<TokenError> for AuthDenied {
    fn from(refused: TokenError) -> Self {
        match refused {
            TokenError::Invalid => AuthDenied::Invalid,
            TokenError::WrongType => AuthDenied::WrongType,
        }
    }
}
