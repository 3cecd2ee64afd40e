//! `[v1]`: the OpenAI-compatible routes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[v1]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct V1 {
    /// Whether messages and replies of these routes are stored in the history.
    pub store_api_messages: bool,
    /// The maximum request body, in bytes.
    pub max_body_bytes: usize,
    /// The maximum of all responses kept for retries, in bytes.
    pub max_replay_bytes: usize,
    /// The maximum of those of one user, in bytes.
    pub max_replay_bytes_per_user: usize,
    /// How long to wait for the upstream's usage report after the client has disconnected.
    #[serde(with = "humantime_serde")]
    pub usage_wait_timeout: Duration,
    /// The status code if the balance or a spending limit is used up: 402, or 429 as at OpenAI.
    pub insufficient_status: u32,
}
