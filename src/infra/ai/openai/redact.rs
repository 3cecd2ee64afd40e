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
mod tests {
    use super::*;

    const KEY: &str = "sk-s/1-end";

    fn redactor() -> Redactor {
        Redactor::new(Some(&KEY.into()))
    }

    #[test]
    fn a_key_is_in_no_bytes() {
        for (given, expected) in [
            ("{\"detail\":\"bad key sk-s/1-end\"}", "{\"detail\":\"bad key (key)\"}"),
            ("\"sk-s\\/1-end\"sk-s/1-end", "\"(key)\"(key)"),
            ("sk-s/1-en", "sk-s/1-en"),
        ] {
            assert_eq!(redactor().bytes(Bytes::from(given)), expected);
        }
        assert_eq!(Redactor::new(None).bytes("x".into()), "x");
        assert_eq!(Redactor::new(Some(&"".into())).bytes("x".into()), "x");
    }

    #[test]
    fn a_key_is_in_no_text_however_it_is_cut() {
        let text = format!("sss{KEY}, {KEY}{KEY}sk-s");
        for size in 1..text.len() {
            let mut redactor = redactor();
            let mut told = String::new();
            for piece in text.as_bytes().chunks(size) {
                told.push_str(&redactor.piece(std::str::from_utf8(piece).unwrap()));
            }
            told.push_str(&redactor.rest());
            assert_eq!(told, "sss(key), (key)(key)sk-s", "{size}");
        }
    }

    #[test]
    fn a_key_is_in_no_stream_however_it_is_cut_and_all_else_comes() {
        let text = format!("a s b{KEY}z sk c");
        for size in 1..text.len() {
            let mut redactor = redactor();
            let mut told = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                let piece = std::str::from_utf8(piece).unwrap();
                let event =
                    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece}\"}}}}],\"s\":\"sk\"}}\n\n");
                told.extend(redactor.event(event.into(), piece));
            }
            told.extend(redactor.events());
            let shown: String = told
                .iter()
                .map(|(event, text)| {
                    let event = std::str::from_utf8(event).unwrap();
                    let value: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
                    assert_eq!(value["choices"][0]["delta"]["content"], *text);
                    text.clone()
                })
                .collect();
            assert_eq!(shown, "a s b(key)z sk c", "{size}");
        }
    }
}
