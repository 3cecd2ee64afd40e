//! A circuit breaker: an upstream that fails repeatedly is not tried during a cool-down, so that calls don't wait for
//! it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::infra::ai::route_state::{BreakerState, BreakerStatus};

/// The number of consecutive failed requests that opens the circuit.
const FAILURES: u32 = 5;
/// The interval at which an upstream is tried during its cool-down if every other one is cooling down too: its failures
/// may have been caused by the requests of one user.
const TRICKLE: Duration = Duration::from_secs(1);

/// The circuit breaker of an upstream.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    failures: u32,
    /// The end of the cool-down.
    until: Option<Instant>,
    /// When the upstream may be tried next during the cool-down, if there is no other one.
    trickle: Option<Instant>,
    /// Whether a call after the cool-down has no result yet.
    is_probing: bool,
    /// When the circuit was opened or closed.
    changed: Option<Instant>,
}

impl Breaker {
    /// Returns whether the upstream may be tried. After a cool-down a single call probes whether it is healthy; the
    /// circuit stays open for other calls until that call has a result.
    pub(super) fn allow(&self, rest: Duration, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            Some(until) if until > now => false,
            Some(_) => {
                state.until = Some(now + rest);
                state.is_probing = true;
                true
            }
            None => true,
        }
    }

    /// Returns whether the upstream may be tried during its cool-down, since every other one is cooling down too.
    pub(super) fn may_try(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = state.trickle.is_none_or(|trickle| trickle <= now);
        if may {
            state.trickle = Some(now + TRICKLE);
        }
        may
    }

    /// Returns the time until [`Self::may_try`] allows the next call.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.trickle.map_or(Duration::ZERO, |trickle| trickle.saturating_duration_since(now))
    }

    /// Returns whether the circuit is open: the upstream is cooling down.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until.is_some_and(|until| until > now)
    }

    /// Returns the state for operators.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        let state = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, changed, until) = match state.until {
            None => (BreakerStatus::Closed, state.changed, None),
            Some(until) if until > now && !state.is_probing => (BreakerStatus::Open, state.changed, Some(until)),
            // The cool-down is extended while a call probes: the end of the former one is not known any more.
            Some(until) => (BreakerStatus::HalfOpen, Some(until).filter(|until| *until <= now), None),
        };
        BreakerState {
            status,
            failures: state.failures,
            since: changed.map(|changed| now.saturating_duration_since(changed)),
            until: until.map(|until| until.saturating_duration_since(now)),
        }
    }

    /// Returns whether the upstream failed repeatedly, and has not responded since.
    pub(super) fn is_failing(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failures >= FAILURES
    }

    /// Records a response of the upstream and closes the circuit.
    pub(super) fn record_success(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if state.until.is_some() { Some(now) } else { state.changed };
        *state = State { changed, ..State::default() };
    }

    /// Records a failed request. Its retries count as one failure.
    pub(super) fn record_failure(&self, rest: Duration, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        state.is_probing = false;
        if state.failures >= FAILURES {
            if state.until.is_none() {
                state.changed = Some(now);
            }
            state.until = Some(now + rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_rests_after_failures_and_is_tried_by_one() {
        let (breaker, rest) = (Breaker::default(), Duration::from_secs(30));
        let mut now = Instant::now();
        for _ in 0..FAILURES {
            assert!(breaker.allow(rest, now));
            breaker.record_failure(rest, now);
        }
        assert!(!breaker.allow(rest, now) && breaker.is_open(now));
        let open = BreakerState {
            status: BreakerStatus::Open,
            failures: FAILURES,
            since: Some(Duration::ZERO),
            until: Some(rest),
        };
        assert_eq!(breaker.state(now), open);
        now += rest;
        assert!(!breaker.is_open(now) && breaker.is_failing());
        assert_eq!(breaker.state(now).status, BreakerStatus::HalfOpen);
        assert!(breaker.allow(rest, now), "one call probes");
        assert!(!breaker.allow(rest, now), "other calls are not allowed");
        assert_eq!(breaker.state(now).status, BreakerStatus::HalfOpen);
        breaker.record_failure(rest, now);
        assert_eq!(breaker.state(now), BreakerState { failures: FAILURES + 1, since: Some(rest), ..open });
        now += rest;
        assert!(breaker.allow(rest, now));
        breaker.record_success(now);
        assert!(!breaker.is_failing());
        assert!(breaker.allow(rest, now) && breaker.allow(rest, now));
        let closed = BreakerState { since: Some(Duration::ZERO), ..BreakerState::default() };
        assert_eq!(breaker.state(now), closed);
        breaker.record_failure(rest, now);
        assert!(breaker.allow(rest, now), "a single failure does not open the circuit");
    }

    #[test]
    fn an_upstream_without_another_is_asked_now_and_then() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.wait(now), Duration::ZERO);
        assert!(breaker.may_try(now));
        assert!(!breaker.may_try(now));
        assert_eq!(breaker.wait(now), TRICKLE);
        assert!(breaker.may_try(now + TRICKLE));
    }
}
