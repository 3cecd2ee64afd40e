//! Reasoning blocks: encrypted or signed reasoning that a provider wants back with the reply, unchanged, when the
//! conversation continues. Only the upstream that has written a block can read it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A block of reasoning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningBlock {
    /// What can read it: address, account and model of the upstream that has written it.
    pub origin: String,
    /// The block in the form in which it is sent back, as JSON.
    pub block: String,
}

impl ReasoningBlock {
    /// Returns the size in bytes, which is also an upper bound of its model tokens.
    pub fn size(&self) -> usize {
        self.block.len()
    }

    /// Returns the blocks that this upstream can read, as they are sent.
    pub(super) fn readable<'a>(blocks: &'a [Self], origin: &str) -> impl Iterator<Item = &'a RawValue> {
        let blocks = blocks.iter().filter(move |block| block.origin == origin);
        blocks.filter_map(|block| serde_json::from_str(&block.block).ok())
    }
}
