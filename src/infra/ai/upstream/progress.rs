//! The progress of a response: which choices have begun, which have ended, and what there is to charge for.

use std::collections::BTreeSet;

use super::answer::Answer;

/// The maximum number of choices whose ends are recorded; no call requests more.
const MAX_CHOICES: usize = 1000;

/// The progress of a response.
#[derive(Default)]
pub(super) struct Progress {
    seen: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    /// Whether a choice has output: text, a tool call, a refusal, audio, an image.
    pub(super) has_answer: bool,
    /// Whether a choice has reasoning.
    pub(super) has_reasoning: bool,
    /// Whether a content filter ended a choice: an empty answer is intended then.
    is_filtered: bool,
}

impl Progress {
    pub(super) fn note(&mut self, answer: &Answer) {
        for choice in answer.choices.iter().take(MAX_CHOICES) {
            self.has_answer |= !choice.text.is_empty() || !choice.other.is_empty();
            self.has_reasoning |= !choice.reasoning.is_empty();
            if self.seen.len() < MAX_CHOICES {
                self.seen.insert(choice.index);
            }
            if let Some(end) = &choice.end {
                self.is_filtered |= end == "content_filter";
                self.ended.insert(choice.index);
            }
        }
    }

    /// Returns whether at least this number of choices, and all that have begun, have ended.
    pub(super) fn has_ended(&self, choices: u64) -> bool {
        !self.ended.is_empty() && self.seen.is_subset(&self.ended) && self.ended.len() as u64 >= choices
    }

    /// Returns whether there is anything to charge for.
    pub(super) fn says_something(&self) -> bool {
        self.has_answer || self.has_reasoning || self.is_filtered
    }
}
