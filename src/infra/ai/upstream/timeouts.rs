//! The timeouts of an upstream, and the errors that name them.

use std::time::Duration;

use crate::core::error::{Code, Error};

/// The timeout of connecting, unless another one is set.
pub(super) const DEFAULT_CONNECT: Duration = Duration::from_secs(10);

/// The timeouts of an upstream. Those of the turn bound it as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting, TLS included; 10 seconds if `None`.
    pub connect: Option<Duration>,
    /// From the request to the first byte of the response's body; unlimited if `None`. Of a response that is not streamed,
    /// it includes the time in which it is generated.
    pub first_byte: Option<Duration>,
    /// Between two parts of the response; unlimited if `None`.
    pub idle: Option<Duration>,
}

impl Timeouts {
    pub(super) fn connect(&self) -> Duration {
        self.connect.unwrap_or(DEFAULT_CONNECT)
    }

    /// Returns the timeout of the first byte. One without an end is none for the clock.
    pub(super) fn first_byte(&self) -> Duration {
        self.first_byte.unwrap_or(Duration::MAX)
    }

    /// Returns the timeout between two parts, as [`Self::first_byte`].
    pub(super) fn idle(&self) -> Duration {
        self.idle.unwrap_or(Duration::MAX)
    }
}

/// The error of an upstream that did not accept a connection in time.
#[track_caller]
pub(super) fn not_connected(after: Duration) -> Error {
    late(
        "The language model could not be reached in time.",
        format!("no connection within {after:?} (connect timeout)"),
    )
}

/// The error of an upstream that did not begin to respond in time.
#[track_caller]
pub(super) fn no_first_byte(after: Duration) -> Error {
    late("The language model did not begin to reply in time.", format!("no byte within {after:?} (first-byte timeout)"))
}

/// The error of an upstream that stopped in its response.
#[track_caller]
pub(super) fn stalled(after: Duration) -> Error {
    late("The language model stopped in its reply.", format!("no further byte within {after:?} (idle timeout)"))
}

#[track_caller]
fn late(message: &'static str, cause: String) -> Error {
    Error::new(Code::ProviderUnavailable, message).with_source(cause)
}
