//! What servers tell each other about an open chat, over the bus. All of it may be lost; the database heals that.

use serde::{Deserialize, Serialize};

use crate::infra::cluster::TO_ALL;

/// From the server that drives the turn to those who follow the reply.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ReplyEvent {
    /// A part of the reply.
    Piece {
        /// Where it begins, in characters.
        offset: usize,
        /// The part itself.
        text: String,
    },
    /// The chat has ended, or is gone; its row tells how.
    Ended,
}

/// From anybody to the server that drives the turn.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum TurnCommand {
    /// End it.
    Stop,
    /// Say again what was said from this character on.
    Repeat {
        /// In characters.
        from: usize,
    },
}

impl ReplyEvent {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Nothing for news of a kind that this version does not know.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl TurnCommand {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Nothing for a wish of a kind that this version does not know.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn encode(what: &impl Serialize) -> Vec<u8> {
    // Numbers and text can always be written; a follower who gets nothing reads the row.
    serde_json::to_vec(what).unwrap_or_default()
}

/// Where the news of a chat are published.
pub(super) fn topic(chat_id: i64) -> String {
    format!("chat:{chat_id}")
}

/// Where wishes for a chat are published: every turn listens, and hardly anybody wishes.
pub(super) fn command_topic(chat_id: i64) -> String {
    format!("{TO_ALL}chat:{chat_id}:wishes")
}
