use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use super::backoff::CAPACITY;
use super::*;

#[test]
fn the_wait_doubles_up_to_the_ceiling_and_success_ends_it() {
    let failures = FailureBackoff::new(3, Duration::from_secs(4));
    let mut now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    for _ in 0..3 {
        assert_eq!(failures.take("mia", now), Ok(()));
    }
    for wait in [1, 2, 4, 4, 4] {
        assert_eq!(failures.take("mia", now), Ok(()));
        assert_eq!(failures.take("mia", now), Err(wait));
        assert_eq!(failures.take("tom", now), Ok(()), "another name does not wait");
        failures.reset("tom");
        now += TimeDelta::seconds(wait.try_into().unwrap());
    }
    failures.reset("mia");
    assert_eq!(failures.take("mia", now), Ok(()));
    assert_eq!(failures.take("mia", now), Ok(()));
}

#[test]
fn memory_is_bounded() {
    let failures = FailureBackoff::new(1, Duration::from_secs(60));
    let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    for i in 0..CAPACITY + 10 {
        failures.take(&i.to_string(), now).unwrap();
    }
    assert!(failures.names.lock().unwrap().len() <= CAPACITY);
}

#[test]
fn a_minute_has_so_many_of_each() {
    let rate = RateLimiter::per_minute(2);
    assert!(rate.check(&1, "no").is_ok() && rate.check(&1, "no").is_ok());
    let rejected = rate.check(&1, "no").unwrap_err();
    assert_eq!((rejected.message.as_str(), rejected.retry_after), ("no", Some(30)));
    assert!(rate.check(&2, "no").is_ok());
    rate.evict_idle();
    assert!(rate.check(&1, "no").is_err());
    assert_eq!(
        RateLimiter::per_hour(1, 1)
            .check(&1, "")
            .and(RateLimiter::per_hour(1, 1).check(&1, ""))
            .map_err(|e| e.retry_after),
        Ok(())
    );
    // The quota of an hour is not available at once.
    let slow = RateLimiter::per_hour(3600, 5);
    assert_eq!((0..100).filter(|_| slow.check(&1, "no").is_ok()).count(), 5);
    assert_eq!(slow.check(&1, "no").unwrap_err().retry_after, Some(1));
    // Several at once; a number above the burst counts as the burst.
    let bytes = RateLimiter::per_second(10, 100);
    assert!(bytes.check_many(&1, 95, "no").is_ok());
    assert_eq!(bytes.check_many(&1, 20, "no").unwrap_err().retry_after, Some(2));
    assert!(bytes.check_many(&1, 5, "no").is_ok(), "what was rejected does not count");
    assert!(bytes.check_many(&2, 1000, "no").is_ok());
    assert_eq!(bytes.check_many(&2, 1000, "no").unwrap_err().retry_after, Some(10));
    let free = RateLimiter::per_minute(0);
    assert!((0..10_000).all(|_| free.check(&1, "no").is_ok()));
}

#[test]
fn places_come_back() {
    let places = ConcurrencyLimit::new(1, 2);
    let one = places.take(1).ok();
    assert_eq!(places.take(1).err(), Some(LimitExceeded::Owner));
    let _two = places.take(2).ok();
    assert_eq!(places.take(3).err(), Some(LimitExceeded::Total));
    drop(one);
    assert!(places.take(1).is_ok());
    assert_eq!(places.taken(), 1);
}
