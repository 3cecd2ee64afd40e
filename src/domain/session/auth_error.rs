//! The error of authentication.

use sea_orm::DbErr;

use crate::core::error::{Code, Error};
use crate::core::jwt::TokenError;

/// The reason why a credential does not authenticate. The REST routes distinguish them.
#[derive(Debug)]
pub enum AuthError {
    /// Unreadable, forged, expired, or its session has ended.
    Invalid,
    /// A refresh token where an access token is required, or vice versa.
    WrongType,
    /// The user is deleted.
    UserNotFound,
    /// The user is deactivated.
    UserInactive,
    /// The check failed: the database does not respond, or a rate limit is exceeded.
    Failed(Error),
}

impl From<AuthError> for Error {
    #[track_caller]
    fn from(error: AuthError) -> Self {
        let message = match error {
            AuthError::Invalid => "The token is invalid or expired.",
            AuthError::WrongType => "The token has the wrong type.",
            AuthError::UserNotFound => "User not found.",
            AuthError::UserInactive => "User is inactive.",
            AuthError::Failed(error) => return error,
        };
        Error::new(Code::Unauthenticated, message)
    }
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => AuthError::Invalid,
            TokenError::WrongType => AuthError::WrongType,
        }
    }
}

impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        AuthError::Failed(error)
    }
}

impl From<DbErr> for AuthError {
    #[track_caller]
    fn from(error: DbErr) -> Self {
        AuthError::Failed(Error::from(error))
    }
}
