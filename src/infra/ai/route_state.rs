//! The state of a route of a model, as this server has seen it: its circuit breaker, and its calls of the last hour.

use std::time::Duration;

use crate::core::ids::ProviderId;

/// The state of a route.
#[derive(Clone, Debug)]
pub struct RouteState {
    /// The provider of the database; `None` for an upstream of the configuration file.
    pub provider_id: Option<ProviderId>,
    /// The host and, unless it is that of the scheme, the port.
    pub host: String,
    /// The upstream's name of the model.
    pub upstream_model: String,
    /// The circuit breaker.
    pub breaker: BreakerState,
    /// The calls of the last hour.
    pub last_hour: CallSummary,
    /// The last error; `None` if there was none.
    pub last_error: Option<RouteError>,
}

impl RouteState {
    /// Returns whether there is anything to tell: a call of the last hour, or a breaker that is not closed.
    pub fn is_in_use(&self) -> bool {
        self.last_hour.calls > 0 || self.breaker.status != BreakerStatus::Closed
    }
}

/// The status of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
pub enum BreakerStatus {
    /// Calls are made.
    #[default]
    Closed,
    /// The upstream failed repeatedly, and is not called until the end of its cool-down, unless the model has no other.
    Open,
    /// The cool-down has ended: one call tests whether the upstream replies again.
    HalfOpen,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerState {
    /// The status.
    pub status: BreakerStatus,
    /// The number of failed requests in a row.
    pub failures: u32,
    /// How long it has had this status; `None` if it has never changed.
    pub since: Option<Duration>,
    /// The time until the end of the cool-down; only of an open breaker.
    pub until: Option<Duration>,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum RouteErrorKind {
    /// No connection, or one that was lost before the first byte.
    Connection,
    /// Too many requests at the upstream.
    RateLimited,
    /// The key, the address or the name of the model is wrong, or the account has no credit.
    Configuration,
    /// An error of the upstream, or an answer that can't be read.
    Upstream,
    /// The upstream rejected the request. It does not count for the breaker.
    Rejected,
    /// The response ended with an error after its first byte. It does not count for the breaker.
    Interrupted,
}

impl RouteErrorKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Connection, Self::RateLimited, Self::Configuration, Self::Upstream, Self::Rejected, Self::Interrupted];

    /// Returns the name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::RateLimited => "rate_limited",
            Self::Configuration => "configuration",
            Self::Upstream => "upstream",
            Self::Rejected => "rejected",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The calls of a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallSummary {
    /// The calls that began. A retry is a call of its own.
    pub calls: u64,
    /// The calls that this server ended, since the user stopped the reply, or it took too long.
    pub stopped: u64,
    /// The failed calls by their kind, without kinds that did not occur.
    pub errors: Vec<(RouteErrorKind, u64)>,
    /// The time to the first byte.
    pub first_byte: Option<Quantiles>,
    /// The duration of complete replies.
    pub whole: Option<Quantiles>,
}

/// Quantiles of durations, with an error of at most a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
}

/// The last error of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// The kind.
    pub kind: RouteErrorKind,
    /// What came back, without the API key, at most 500 bytes.
    pub message: String,
    /// How long ago it was.
    pub age: Duration,
}

/// The calls and the errors since the route is in use, for metrics.
#[derive(Clone, Debug)]
pub struct RouteTotals {
    /// The calls.
    pub calls: u64,
    /// The failed calls by their kind.
    pub errors: [(RouteErrorKind, u64); RouteErrorKind::ALL.len()],
}
