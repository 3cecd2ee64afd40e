//! The failures of upstreams.

use std::time::Duration;

use bytes::Bytes;

use crate::core::error::{Code, Error};
use crate::infra::ai::route_state::RouteErrorKind;

/// The failure of an upstream before its response.
pub(super) struct UpstreamFailure {
    pub(super) error: Error,
    pub(super) kind: RouteErrorKind,
    /// Whether a retry may help.
    pub(super) again: bool,
    /// The delay that the upstream requests.
    pub(super) retry_after: Option<Duration>,
    /// Whether the upstream is healthy, and rejected the request.
    pub(super) is_rejection: bool,
    /// The status code and body of an upstream that rejected a passed-on call.
    pub(super) rejection: Option<(u16, Bytes)>,
}

impl UpstreamFailure {
    pub(super) fn of(error: Error) -> Self {
        let kind = RouteErrorKind::Upstream;
        Self { error, kind, again: false, retry_after: None, is_rejection: false, rejection: None }
    }

    /// Returns what came back, for operators. Staff may not see what users write, which a rejection may repeat.
    pub(super) fn shown(&self) -> String {
        if self.is_rejection { REJECTION.to_owned() } else { causes(&self.error) }
    }
}

const REJECTION: &str = "The upstream rejected the request. Its answer is in the log, if it was a message of a chat.";

/// Returns the causes of an error on one line, or its message if it has none.
pub(super) fn causes(error: &Error) -> String {
    let first = error.source.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    let causes = std::iter::successors(first, |cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { error.message.clone() } else { causes.join(": ") }
}

/// The error of an upstream that cannot be used now; the cause is for the log.
#[track_caller]
pub(super) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::ProviderUnavailable, "The language model is not available right now.").with_source(cause)
}

/// The error of a response that ended without its end.
#[track_caller]
pub(super) fn truncated() -> Error {
    Error::new(Code::ProviderUnavailable, "The upstream response was truncated.")
}

/// The error of an upstream with an empty answer.
#[track_caller]
pub(super) fn no_answer() -> Error {
    Error::new(Code::ProviderUnavailable, "The language model gave no answer.")
}
