//! The rejection of a call, by the member that is invalid.

use crate::core::error::{Code, Error};

/// The reason why a text is not a valid call, or why one of its members is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The invalid member; `None` if the text as a whole is invalid.
    pub param: Option<String>,
    /// The error message, a full sentence.
    pub message: String,
    /// OpenAI's machine-readable error code; `None` if the text as a whole is not a call.
    pub code: Option<&'static str>,
}

impl InvalidRequest {
    pub(super) fn whole(message: String) -> Self {
        Self { param: None, message, code: None }
    }

    /// Creates the error of a member with an invalid value.
    pub fn param(name: &str, message: String) -> Self {
        Self { param: Some(name.to_owned()), message, code: Some("invalid_value") }
    }
}

impl From<InvalidRequest> for Error {
    fn from(malformed: InvalidRequest) -> Self {
        Error::new(Code::InvalidInput, malformed.message)
    }
}
