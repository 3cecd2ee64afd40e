//! `[turns]`: timeouts and limits of turns.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[turns]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// The maximum length of a message, in characters.
    pub max_message_chars: usize,
    /// The timeout for the first chunk of a reply.
    #[serde(with = "humantime_serde")]
    pub first_chunk_timeout: Duration,
    /// The timeout between two chunks.
    #[serde(with = "humantime_serde")]
    pub chunk_timeout: Duration,
    /// The timeout of a turn as a whole.
    #[serde(with = "humantime_serde")]
    pub turn_timeout: Duration,
    /// The interval at which the text of a growing reply is saved.
    #[serde(with = "humantime_serde")]
    pub save_interval: Duration,
    /// The lease: how long a turn counts as alive after the last heartbeat of its server.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// The maximum number of open turns per user.
    pub open_per_user: u64,
    /// The maximum number of open turns on this server.
    pub open_per_server: usize,
    /// The model that gives conversations their titles: a name, `answering` for the one that has answered, or empty for
    /// the first words of the first message.
    pub title_model: String,
    /// Who pays for a title by a model.
    pub title_paid_by: TitlePayer,
}

/// Who pays for the title of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TitlePayer {
    /// The operator: users pay nothing.
    Operator,
    /// The user, at the price of the model.
    User,
}
