//! `[audit]`: what the audit trail records.

use serde::{Deserialize, Serialize};

/// `[audit]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Whether operators who read chats of other users leave an event.
    pub chat_reads: bool,
}
