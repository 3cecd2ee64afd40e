//! `[ledger]`: grants and limits of prepaid tokens, and what they are worth.

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
    /// The currency in which amounts are shown beside prepaid tokens, by its ISO 4217 code; empty for none.
    pub currency: String,
    /// The prepaid tokens that are worth one unit of the currency.
    pub tokens_per_unit: i64,
}

impl Ledger {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        let Self { currency, tokens_per_unit, .. } = self;
        let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !currency.is_empty() && !is_code {
            return Err(format!("ledger.currency = {currency:?}: three capital letters, such as \"EUR\", or empty"));
        }
        if *tokens_per_unit < 1 {
            return Err(format!("ledger.tokens_per_unit = {tokens_per_unit}: at least 1"));
        }
        Ok(())
    }
}
