//! Changes of many users at once, by a filter.
//!
//! What was confirmed is what happens: the request says how many users the operator saw, and is rejected if the filter
//! matches another number. The users who match are determined once, and stored with the idempotency key; then they are
//! changed in batches, so that other writes wait for one batch and not for thousands of users. A retry continues with
//! the same users, and changes none of them twice. Operators are skipped: they are changed one by one.

mod active;
mod adjust;
mod begin;

pub use self::active::{ActivationResult, SetActive, set_active};
pub use self::adjust::{AdjustMany, AdjustManyResult, adjust_many};
pub use self::begin::MAX_USERS;

/// Users changed in one transaction.
const BATCH: usize = 100;
