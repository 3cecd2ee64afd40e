//! What a turn ends with: the outcome of the provider's stream, and the output until then.

use chrono::{DateTime, Utc};

use crate::core::error::Error;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{ReasoningBlock, Usage};

/// Maximum size in memory of text that is not stored; the total is extrapolated from it.
const MAX_COUNTED_BYTES: usize = 1 << 20;

/// Maximum size of the reasoning blocks of a chat.
const MAX_BLOCK_BYTES: usize = 512 << 10;

/// The outcome of the provider's stream.
pub(super) enum Outcome {
    /// The reply is complete.
    Done,
    /// The provider failed, before the first chunk or after it.
    Failed(Error),
    /// Ended on the caller's side: the user stopped it, the caller disconnected, or the reply reached one of the
    /// server's limits, which is given.
    Stopped(Option<Error>),
    /// The server shuts down and does not wait any longer.
    Interrupted,
    /// The chat is no longer open: deleted, or swept by another server. There is nothing to settle.
    AlreadyClosed,
}

/// The output that a model has generated, and the usage that its upstream has reported.
#[derive(Default)]
pub(super) struct GeneratedOutput {
    /// The reply.
    pub(super) text: String,
    /// Other output that is paid for.
    pub(super) other: String,
    /// The model's reasoning before the answer: paid for, but no answer on its own.
    pub(super) reasoning: String,
    /// Encrypted reasoning, and the output after the user stopped the reply. It is counted, and shown to no one.
    pub(super) unseen: String,
    /// How much of the unseen output is reasoning, in bytes.
    pub(super) unseen_reasoning: usize,
    /// Bytes of all these that are not in memory: text that is not stored is only counted, by extrapolation from its
    /// beginning.
    pub(super) omitted: usize,
    /// The reasoning blocks that the provider wants back.
    pub(super) blocks: Vec<ReasoningBlock>,
    /// Their size in bytes, with those that were too large to keep.
    block_bytes: usize,
    /// Time of the first chunk.
    pub(super) first_chunk_at: Option<DateTime<Utc>>,
    /// When the model began to reason, and when it began to answer.
    pub(super) reasoning_since: Option<DateTime<Utc>>,
    pub(super) answer_since: Option<DateTime<Utc>>,
    /// Why the model ended the reply, if its provider reports it.
    pub(super) finish: Option<FinishReason>,
    /// The last reported usage.
    pub(super) reported: Option<Usage>,
    /// Whether the upstream has accepted the request, and bills its input.
    pub(super) accepted: bool,
    /// Whether the turn stopped waiting for a non-streaming answer, which the upstream continued to generate.
    pub(super) abandoned: bool,
}

impl GeneratedOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.has_no_answer() && self.has_no_reasoning()
    }

    /// Returns whether there is no output, or nothing but reasoning.
    pub(super) fn has_no_answer(&self) -> bool {
        self.text.is_empty() && self.other.is_empty()
    }

    /// Returns whether there is no reasoning, not even hidden.
    pub(super) fn has_no_reasoning(&self) -> bool {
        self.reasoning.is_empty() && self.unseen_reasoning == 0
    }

    /// Updates the reported usage. A smaller number does not reduce what the upstream has reported before.
    pub(super) fn report(&mut self, usage: Usage) {
        self.reported = Some(usage.max(self.reported.unwrap_or_default()));
    }

    pub(super) fn len(&self) -> usize {
        self.in_memory() + self.omitted
    }

    /// Returns the bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.text.len() + self.other.len() + self.reasoning.len() + self.unseen.len()
    }

    /// Adds text of the reply that is only counted.
    pub(super) fn add_text(&mut self, text: &str) {
        self.omitted += count(&mut self.text, text);
    }

    /// Adds other output.
    pub(super) fn add_other(&mut self, text: &str) {
        self.omitted += count(&mut self.other, text);
    }

    /// Adds reasoning that is only counted.
    pub(super) fn add_reasoning(&mut self, text: &str) {
        self.omitted += count(&mut self.reasoning, text);
    }

    /// Takes the reasoning, which was the answer.
    pub(super) fn take_reasoning(&mut self) -> String {
        (self.reasoning_since, self.answer_since) = (None, None);
        std::mem::take(&mut self.reasoning)
    }

    /// Adds reasoning that is shown to no one.
    pub(super) fn add_unseen_reasoning(&mut self, text: &str) {
        self.unseen_reasoning = self.unseen_reasoning.saturating_add(text.len());
        self.add_unseen(text);
    }

    /// Keeps a reasoning block for the next turn. If they become too large, none is kept: the provider can do without,
    /// but not with a part of them.
    pub(super) fn keep_block(&mut self, block: ReasoningBlock) {
        self.block_bytes = self.block_bytes.saturating_add(block.size());
        self.blocks.push(block);
        if self.block_bytes > MAX_BLOCK_BYTES {
            self.blocks.clear();
        }
    }

    /// Adds output after the user's stop.
    pub(super) fn add_unseen(&mut self, text: &str) {
        self.omitted += count(&mut self.unseen, text);
    }
}

/// Appends as much of the text as is kept in memory, and returns the remaining bytes.
fn count(counted: &mut String, text: &str) -> usize {
    let capacity = MAX_COUNTED_BYTES.saturating_sub(counted.len());
    let (kept, omitted) = text.split_at(text.floor_char_boundary(capacity));
    counted.push_str(kept);
    omitted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_blocks_are_kept_whole_or_not_at_all() {
        let block = |bytes| ReasoningBlock { origin: String::new(), block: "x".repeat(bytes) };
        let mut written = GeneratedOutput::default();
        written.keep_block(block(MAX_BLOCK_BYTES / 2));
        written.keep_block(block(MAX_BLOCK_BYTES / 2));
        assert_eq!(written.blocks.len(), 2);
        written.keep_block(block(1));
        written.keep_block(block(1));
        assert!(written.blocks.is_empty());
    }

    #[test]
    fn what_is_only_counted_takes_little_memory_and_counts_whole() {
        let mut written = GeneratedOutput::default();
        for _ in 0..3 {
            written.add_text(&"ü".repeat(500_001));
        }
        assert_eq!(written.len(), 3_000_006);
        assert!(written.in_memory() <= MAX_COUNTED_BYTES && written.in_memory() > MAX_COUNTED_BYTES - 2);
        written.add_other("x");
        assert_eq!((written.other.as_str(), written.len()), ("x", 3_000_007));
        let mut large = GeneratedOutput::default();
        large.add_text(&"x".repeat(5 << 20));
        assert_eq!((large.in_memory(), large.len()), (MAX_COUNTED_BYTES, 5 << 20));
    }
}
