//! The state of the routes of a model, as the server that answers has seen it.

use std::time::Duration;

use async_graphql::SimpleObject;
use chrono::{DateTime, TimeDelta, Utc};

use super::super::execution::bounded::Text;
use super::Provider;
use crate::infra::ai::route_state::{self, BreakerState, BreakerStatus, CallSummary, Quantiles, RouteErrorKind};
use crate::infra::catalog::Models;

/// The state of a route: its circuit breaker, and its calls of the last hour. Each server has its own, of its own calls;
/// they begin when it starts, or when the route, its provider or the key changes.
#[derive(SimpleObject)]
pub(crate) struct RouteState {
    /// The provider; null for an upstream of the configuration file.
    provider: Option<Provider>,
    /// The host of the upstream, and the port unless it is the usual one.
    host: Text<'static>,
    /// The upstream's name of the model.
    upstream_model: Text<'static>,
    /// The circuit breaker.
    breaker: Breaker,
    /// The calls of the last hour.
    last_hour: RouteCalls,
    /// The last error; null if there was none.
    last_error: Option<RouteError>,
}

/// A circuit breaker: an upstream that fails five times in a row is not called during a cool-down.
#[derive(SimpleObject)]
pub(crate) struct Breaker {
    /// The status.
    status: BreakerStatus,
    /// The number of failed requests in a row.
    failures: u32,
    /// When it got this status; null if it has never changed.
    since: Option<DateTime<Utc>>,
    /// When the cool-down ends; null unless the breaker is open.
    until: Option<DateTime<Utc>>,
}

/// The calls of a route in the last hour, which begins 55 to 60 minutes ago. A retry is a call of its own.
#[derive(SimpleObject)]
pub(crate) struct RouteCalls {
    /// The number of calls.
    calls: u64,
    /// The number of calls that the server ended, since the user stopped the reply, or it took too long.
    stopped: u64,
    /// The failed calls by kind.
    errors: Vec<RouteErrorCount>,
    /// The time to the first byte; null if there was none.
    first_byte: Option<Latency>,
    /// The duration of complete replies; null if there was none.
    whole: Option<Latency>,
}

/// The number of failed calls of a kind.
#[derive(SimpleObject)]
pub(crate) struct RouteErrorCount {
    /// The kind.
    kind: RouteErrorKind,
    /// The number of calls.
    count: u64,
}

/// Quantiles of durations, with an error of at most a tenth.
#[derive(SimpleObject)]
pub(crate) struct Latency {
    /// The median in milliseconds.
    p50_ms: u64,
    /// The 95th percentile in milliseconds.
    p95_ms: u64,
}

/// The last error of a route.
#[derive(SimpleObject)]
pub(crate) struct RouteError {
    /// The kind.
    kind: RouteErrorKind,
    /// What came back, without the API key, at most 500 bytes. A rejection is not shown: it may repeat what a user wrote.
    message: Text<'static>,
    /// When it occurred.
    at: DateTime<Utc>,
}

impl RouteState {
    /// Returns the state for clients: its times are ages in the original.
    pub(crate) fn of(state: route_state::RouteState, models: &Models, now: DateTime<Utc>) -> Self {
        let route_state::RouteState { provider_id, host, upstream_model, breaker, last_hour, last_error } = state;
        let provider = provider_id.and_then(|id| models.provider(id)).map(|provider| Provider(provider.row.clone()));
        let BreakerState { status, failures, since, until } = breaker;
        let CallSummary { calls, stopped, errors, first_byte, whole } = last_hour;
        let count = |(kind, count)| RouteErrorCount { kind, count };
        let error = |error: route_state::RouteError| RouteError {
            kind: error.kind,
            message: error.message.into(),
            at: now - delta(error.age),
        };
        Self {
            provider,
            host: host.into(),
            upstream_model: upstream_model.into(),
            breaker: Breaker {
                status,
                failures,
                since: since.map(|since| now - delta(since)),
                until: until.map(|until| now + delta(until)),
            },
            last_hour: RouteCalls {
                calls,
                stopped,
                errors: errors.into_iter().map(count).collect(),
                first_byte: first_byte.map(Latency::from),
                whole: whole.map(Latency::from),
            },
            last_error: last_error.map(error),
        }
    }
}

impl From<Quantiles> for Latency {
    fn from(Quantiles { p50, p95 }: Quantiles) -> Self {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { p50_ms: milliseconds(p50), p95_ms: milliseconds(p95) }
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or_default()
}
