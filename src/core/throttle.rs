//! In-memory limits: [`FailureBackoff`] slows down guessing, [`ConcurrencyLimit`] bounds concurrency, [`RateLimiter`]
//! bounds rates. They know no cluster: the limits that servers share are in the infrastructure.

mod backoff;
mod concurrency;
mod rate;

pub use self::backoff::FailureBackoff;
pub use self::concurrency::{ConcurrencyLimit, LimitExceeded, Permit};
pub use self::rate::RateLimiter;

#[cfg(test)]
mod tests;
