//! Lets an upstream rest that fails again and again, so that calls don't wait for it in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures one after the other, and the upstream rests.
const FAILURES: u32 = 5;

/// What is known of one upstream.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    failures: u32,
    /// Not to be asked before.
    until: Option<Instant>,
}

impl Breaker {
    /// Whether the upstream may be asked. After a rest one call tries whether it is well again; the others go on waiting
    /// for what it finds.
    pub(super) fn may_ask(&self, rest: Duration, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            Some(until) if until > now => false,
            Some(_) => {
                state.until = Some(now + rest);
                true
            }
            None => true,
        }
    }

    /// The upstream answered.
    pub(super) fn well(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The upstream failed.
    pub(super) fn failed(&self, rest: Duration, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
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
            assert!(breaker.may_ask(rest, now));
            breaker.failed(rest, now);
        }
        assert!(!breaker.may_ask(rest, now));
        now += rest;
        assert!(breaker.may_ask(rest, now), "one tries");
        assert!(!breaker.may_ask(rest, now), "the others wait");
        breaker.failed(rest, now);
        now += rest;
        assert!(breaker.may_ask(rest, now));
        breaker.well();
        assert!(breaker.may_ask(rest, now) && breaker.may_ask(rest, now));
        breaker.failed(rest, now);
        assert!(breaker.may_ask(rest, now), "one failure is none");
    }
}
