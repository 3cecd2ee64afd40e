//! `[limits]`: rate limits.

use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages per user and minute; 0 for no limit.
    pub messages_per_minute_per_user: u32,
    /// Messages per API key and minute; 0 for no limit.
    pub messages_per_minute_per_key: u32,
    /// Estimates of messages per user and minute; 0 for no limit.
    pub estimates_per_minute_per_user: u32,
    /// Registrations per address and hour; 0 for no limit.
    pub registrations_per_hour_per_address: u32,
    /// Registrations per address at once, out of those of an hour.
    pub registration_burst_per_address: u32,
    /// Token refreshes per address and minute; 0 for no limit.
    pub refreshes_per_minute_per_address: u32,
}
