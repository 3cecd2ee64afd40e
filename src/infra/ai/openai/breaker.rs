//! Lets an upstream rest that fails again and again, so that calls don't wait for it in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many requests that fail one after the other, and the upstream rests.
const FAILURES: u32 = 5;
/// An upstream that rests although there is no other one is asked so often all the same: what made it fail may have been the
/// requests of one user.
const TRICKLE: Duration = Duration::from_secs(1);

/// What is known of one upstream.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    failures: u32,
    /// Not to be asked before.
    until: Option<Instant>,
    /// Not to be asked before, where there is no other one.
    trickle: Option<Instant>,
}

impl Breaker {
    /// Whether the upstream may be asked. After a rest one call tries whether it is well again; the others go on waiting
    /// for what it finds.
    pub(super) fn allow(&self, rest: Duration, now: Instant) -> bool {
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

    /// Whether the upstream may be asked although it rests, since every other one rests too.
    pub(super) fn may_try(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = state.trickle.is_none_or(|trickle| trickle <= now);
        if may {
            state.trickle = Some(now + TRICKLE);
        }
        may
    }

    /// How long it is until it may be asked, where there is no other one.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.trickle.map_or(Duration::ZERO, |trickle| trickle.saturating_duration_since(now))
    }

    /// Whether the upstream rests.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until.is_some_and(|until| until > now)
    }

    /// The upstream answered.
    pub(super) fn record_success(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// A request failed, however often it was tried.
    pub(super) fn record_failure(&self, rest: Duration, now: Instant) {
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
            assert!(breaker.allow(rest, now));
            breaker.record_failure(rest, now);
        }
        assert!(!breaker.allow(rest, now) && breaker.is_open(now));
        now += rest;
        assert!(!breaker.is_open(now));
        assert!(breaker.allow(rest, now), "one tries");
        assert!(!breaker.allow(rest, now), "the others wait");
        breaker.record_failure(rest, now);
        now += rest;
        assert!(breaker.allow(rest, now));
        breaker.record_success();
        assert!(breaker.allow(rest, now) && breaker.allow(rest, now));
        breaker.record_failure(rest, now);
        assert!(breaker.allow(rest, now), "one failure is none");
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
