//! `[ledger]`: grants and limits of prepaid tokens.

use serde::{Deserialize, Serialize};

/// `[ledger]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The initial balance of a new account, in prepaid tokens.
    pub signup_grant: i64,
    /// The maximum that a staff member may credit per day, in prepaid tokens; 0 for no limit.
    pub staff_daily_limit: i64,
}
