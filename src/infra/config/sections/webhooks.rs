//! `[webhooks]` and `[notices]`: events for other services, and their thresholds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[webhooks]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether webhooks may connect to addresses in private networks.
    pub allow_private_networks: bool,
    /// The timeout of an attempt, from the connection to the response.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// `[notices]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// The balance below which it is low, in prepaid tokens; 0 for none.
    pub low_balance: i64,
}

impl Webhooks {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        // A receiver must not delay a delivery for as long as the lease of the job.
        let is_valid = (Duration::from_millis(100)..=Duration::from_secs(30)).contains(&self.timeout);
        if is_valid { Ok(()) } else { Err("webhooks.timeout: between 100ms and 30s".to_owned()) }
    }
}
