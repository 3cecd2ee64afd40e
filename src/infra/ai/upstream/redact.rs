//! Redaction of the provider's API key, which an upstream may repeat in a response: the key must not be passed on,
//! neither in one event nor split between two.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::sse::data;

/// The replacement of the key.
const REDACTED: &str = "(key)";
/// An empty event.
const COMMENT: &[u8] = b":\n\n";

/// Removes the API key of an upstream from one response.
#[derive(Default)]
pub(super) struct Redactor {
    /// The key as plain text, and as JSON may escape it.
    forms: Vec<String>,
    /// The text that is buffered, since the key may begin in it.
    text: String,
    /// The events of that text, and the text of each.
    held: Vec<(Bytes, String)>,
}

impl Redactor {
    pub(super) fn new(key: Option<&SecretString>) -> Self {
        let key = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
        let forms = key.map(|key| vec![key.to_owned(), key.replace('/', "\\/")]).unwrap_or_default();
        Self {
            forms: if forms.first() == forms.last() { forms.into_iter().take(1).collect() } else { forms },
            ..Self::default()
        }
    }

    /// Redacts a text.
    pub(super) fn text(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form, REDACTED))
    }

    /// Redacts bytes that are passed on.
    pub(super) fn bytes(&self, bytes: Bytes) -> Bytes {
        if !self.forms.iter().any(|form| memmem::find(&bytes, form.as_bytes()).is_some()) {
            return bytes;
        }
        // Invalid UTF-8 is invalid JSON, and may be changed.
        self.text(&String::from_utf8_lossy(&bytes)).into()
    }

    /// Redacts the next chunk of a reply. Returns the text that can be sent now.
    pub(super) fn piece(&mut self, piece: &str) -> String {
        self.text.push_str(piece);
        let mut text = self.text(&self.text);
        self.text = text.split_off(text.len() - self.begun(&text));
        text
    }

    /// Returns the buffered text at the end of a reply.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Redacts the next event and its text. Returns the events that can be passed on now, with their text.
    pub(super) fn event(&mut self, event: Bytes, text: &str) -> Vec<(Bytes, String)> {
        let (event, text) = (self.bytes(event), self.text(text));
        if self.held.is_empty() && self.begun(&text) == 0 {
            return vec![(event, text)];
        }
        self.text.push_str(&text);
        self.held.push((event, text));
        let key = self.forms.first().map(String::as_str).unwrap_or_default();
        if let Some(start) = self.text.find(key) {
            cut(&mut self.held, start..start + key.len());
            return self.events();
        }
        if self.begun(&self.text) > 0 { Vec::new() } else { self.events() }
    }

    /// Returns the buffered events at the end.
    pub(super) fn events(&mut self) -> Vec<(Bytes, String)> {
        self.text.clear();
        std::mem::take(&mut self.held)
    }

    /// Returns the number of bytes at the end of a text with which the key may begin.
    fn begun(&self, text: &str) -> usize {
        let Some(key) = self.forms.first() else { return 0 };
        let longest = text.len().min(key.len() - 1);
        let begins = |length: &usize| text.as_bytes().ends_with(key.as_bytes().get(..*length).unwrap_or_default());
        (1..=longest).rev().find(begins).unwrap_or_default()
    }
}

/// Replaces this range of the text of some events with the placeholder.
fn cut(events: &mut [(Bytes, String)], range: Range<usize>) {
    let (mut start, mut instead) = (0, REDACTED);
    for (event, text) in events {
        let own = start..start + text.len();
        start = own.end;
        let part = range.start.max(own.start)..range.end.min(own.end);
        if part.is_empty() {
            continue;
        }
        text.replace_range(part.start - own.start..part.end - own.start, instead);
        *event = with_text(event, text).unwrap_or(Bytes::from_static(COMMENT));
        instead = "";
    }
}

/// Returns an event with another text of its first choice; `None` if the text is not in its usual place.
fn with_text(event: &[u8], text: &str) -> Option<Bytes> {
    let mut part: Value = serde_json::from_str(&data(event)?).ok()?;
    let choices = part.get_mut("choices")?.as_array_mut()?;
    let is_first = |choice: &&mut Value| choice.get("index").and_then(Value::as_u64).unwrap_or_default() == 0;
    let content = choices.iter_mut().find(is_first)?.get_mut("delta")?.get_mut("content")?;
    *content = text.into();
    Some(format!("data: {part}\n\n").into())
}

#[cfg(test)]
mod tests;
