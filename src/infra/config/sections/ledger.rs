//! `[ledger]`: grants and limits of prepaid tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[ledger]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The initial balance of a new account, in prepaid tokens.
    pub signup_grant: i64,
    /// The maximum that a staff member may credit per day, in prepaid tokens; 0 for no limit.
    pub staff_daily_limit: i64,
    /// The interval at which a server writes a checkpoint of the ledger; 0 for none.
    #[serde(with = "humantime_serde")]
    pub checkpoint_interval: Duration,
}
