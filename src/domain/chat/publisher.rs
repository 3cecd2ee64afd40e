//! Publishes the text of a running turn to the followers of the reply: the answer, and the reasoning before it.

use super::events::{ReplyEvent, topic};
use super::outcome::GeneratedOutput;
use crate::app::App;
use crate::core::ids::ChatId;

/// Appends text to the output of one turn, and publishes it if it is stored.
pub(super) struct Publisher<'a> {
    app: &'a App,
    topic: String,
    /// Whether the reply is stored; otherwise it is only counted, and has no followers.
    store_reply: bool,
    /// The lengths of the answer and of the reasoning in characters: the positions of their next chunks.
    position: usize,
    reasoning_position: usize,
}

impl<'a> Publisher<'a> {
    pub(super) fn new(app: &'a App, chat_id: ChatId, store_reply: bool) -> Self {
        Self { app, topic: topic(chat_id), store_reply, position: 0, reasoning_position: 0 }
    }

    /// Appends text to the answer.
    pub(super) fn append(&mut self, written: &mut GeneratedOutput, text: &str) {
        if !text.is_empty() && written.reasoning_since.is_some() {
            written.answer_since.get_or_insert_with(|| self.app.clock.now());
        }
        if !self.store_reply {
            written.add_text(text);
            return;
        }
        let text = storable(text);
        let offset = self.position;
        self.position += text.chars().count();
        written.text.push_str(&text);
        self.publish(text, |text| ReplyEvent::Delta { offset, text });
    }

    /// Appends text to the reasoning.
    pub(super) fn append_reasoning(&mut self, written: &mut GeneratedOutput, text: &str) {
        written.reasoning_since.get_or_insert_with(|| self.app.clock.now());
        if !self.store_reply {
            written.add_reasoning(text);
            return;
        }
        let text = storable(text);
        let offset = self.reasoning_position;
        self.reasoning_position += text.chars().count();
        written.reasoning.push_str(&text);
        self.publish(text, |text| ReplyEvent::Reasoning { offset, text });
    }

    /// Publishes the answer and the reasoning again from these character positions.
    pub(super) fn repeat(&self, written: &GeneratedOutput, from: usize, reasoning_from: usize) {
        if !self.store_reply {
            return;
        }
        self.publish(behind(&written.reasoning, reasoning_from), |text| ReplyEvent::Reasoning {
            offset: reasoning_from,
            text,
        });
        self.publish(behind(&written.text, from), |text| ReplyEvent::Delta { offset: from, text });
    }

    fn publish(&self, text: String, event: impl FnOnce(String) -> ReplyEvent) {
        if !text.is_empty() {
            self.app.bus.publish(&self.topic, || event(text).encode());
        }
    }
}

/// PostgreSQL stores no NUL in text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns the text from a character position on.
fn behind(text: &str, from: usize) -> String {
    let start = text.char_indices().nth(from).map_or(text.len(), |(start, _)| start);
    text.get(start..).unwrap_or_default().to_owned()
}
