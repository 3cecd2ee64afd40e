//! The messages between servers about an open chat, over the bus. All of them may be lost; the database makes up for
//! it.

use serde::{Deserialize, Serialize};

use crate::core::ids::ChatId;
use crate::infra::cluster::TO_ALL;

/// An event from the server that runs the turn to the followers of the reply.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ReplyEvent {
    /// A chunk of the reply.
    Delta {
        /// The start of the chunk in the reply, in characters.
        offset: usize,
        /// The text of the chunk.
        text: String,
    },
    /// A chunk of the reasoning before the reply.
    Reasoning {
        /// The start of the chunk in the reasoning, in characters.
        offset: usize,
        /// The text of the chunk.
        text: String,
    },
    /// The chat has ended, or is deleted; its row has the state.
    Ended,
}

/// A command from any server to the one that runs the turn.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum TurnCommand {
    /// Stops the reply.
    Stop,
    /// Publishes the reply and the reasoning again from these positions.
    Repeat {
        /// The position in the reply, in characters.
        from: usize,
        /// The position in the reasoning, in characters.
        #[serde(default)]
        reasoning_from: usize,
    },
}

impl ReplyEvent {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Returns `None` for an event of a kind that this version does not know.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl TurnCommand {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Returns `None` for a command of a kind that this version does not know.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn encode(what: &impl Serialize) -> Vec<u8> {
    // Numbers and text always serialize; a follower that receives nothing reads the row.
    serde_json::to_vec(what).unwrap_or_default()
}

/// Returns the topic of the events of a chat.
pub(super) fn topic(chat_id: ChatId) -> String {
    format!("chat:{chat_id}")
}

/// Returns the command topic of a chat: every turn subscribes, and commands are rare.
pub(super) fn command_topic(chat_id: ChatId) -> String {
    format!("{TO_ALL}chat:{chat_id}:commands")
}
