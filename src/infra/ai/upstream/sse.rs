//! Server-sent events: splits a stream into events, byte for byte, and parses their data. A stream of JSON objects, one
//! a line, is split here too: each line is an event.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::large_answers::{FREE, LargeAnswer, LargeAnswers};

/// How a stream is split into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// Each line is an event, without a field name.
    Lines,
}

impl Framing {
    /// Returns the data of an event; `None` for comments.
    pub(super) fn data(self, event: &[u8]) -> Option<String> {
        match self {
            Self::Events => data(event),
            Self::Lines => Some(String::from_utf8_lossy(event).trim().to_owned()),
        }
    }

    /// Returns whether an event has the name `error`.
    pub(super) fn is_error(self, event: &[u8]) -> bool {
        self == Self::Events && is_error(event)
    }

    /// Returns the position after the first complete event.
    fn end_of_event(self, bytes: &[u8], from: usize) -> Option<usize> {
        match self {
            Self::Events => end_of_event(bytes, from),
            Self::Lines => memchr(b'\n', bytes.get(from..)?).map(|place| from + place + 1),
        }
    }
}

/// Splits a stream of bytes into events, each with the empty line that ends it. Each byte is read or moved only a few
/// times, whatever the size of the chunks.
pub(super) struct Splitter {
    rest: Vec<u8>,
    /// The beginning of the next event: bytes before it have been taken.
    start: usize,
    /// The position up to which no event ends.
    looked: usize,
    framing: Framing,
    large: LargeAnswers,
    permit: LargeAnswer,
}

impl Splitter {
    pub(super) fn new(framing: Framing, large: LargeAnswers) -> Self {
        Self { rest: Vec::new(), start: 0, looked: 0, framing, large, permit: LargeAnswer::default() }
    }

    /// Appends bytes. A long incomplete event waits for its permit first.
    pub(super) async fn push(&mut self, bytes: &[u8]) {
        self.rest.drain(..self.start);
        self.looked -= self.start;
        self.start = 0;
        if self.rest.is_empty() && self.rest.capacity() > FREE {
            self.rest = Vec::new();
        }
        self.large.take(&mut self.permit, self.rest.len()).await;
        self.rest.extend_from_slice(bytes);
    }

    /// Takes the next complete event.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let end = self.framing.end_of_event(&self.rest, self.looked.saturating_sub(3).max(self.start));
        let Some(end) = end else {
            self.looked = self.rest.len();
            return None;
        };
        self.looked = end;
        Some(self.take(end))
    }

    /// Returns the number of bytes that are buffered until their event is complete.
    pub(super) fn pending(&self) -> usize {
        self.rest.len() - self.start
    }

    /// Takes the rest at the end of the stream: an event without its empty line, or nothing.
    pub(super) fn last(&mut self) -> Option<Bytes> {
        (self.start < self.rest.len()).then(|| self.take(self.rest.len()))
    }

    /// Takes the event up to `end`, copied, since other events may be dropped long before it.
    fn take(&mut self, end: usize) -> Bytes {
        let event = self.rest.get(self.start..end).unwrap_or_default();
        let event = if event.len() > FREE { self.permit.bytes(event.to_vec()) } else { Bytes::copy_from_slice(event) };
        self.start = end;
        event
    }
}

/// Returns the position after the first empty line. Lines end with a line feed, a carriage return, or both.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut place = from;
    while let Some(found) = bytes.get(place..).and_then(|rest| memchr2(b'\n', b'\r', rest)) {
        let line_end = place + found;
        let is_pair = bytes.get(line_end..line_end + 2) == Some(b"\r\n");
        let next = line_end + if is_pair { 2 } else { 1 };
        match (bytes.get(next), bytes.get(next + 1)) {
            (Some(b'\r'), Some(b'\n')) => return Some(next + 2),
            // A line feed that belongs to it may follow.
            (Some(b'\r'), None) => return None,
            (Some(b'\n' | b'\r'), _) => return Some(next + 1),
            _ => place = next,
        }
    }
    None
}

/// Returns the data of an event: its `data` lines, joined. `None` for comments.
pub(super) fn data(event: &[u8]) -> Option<String> {
    let event = event.strip_prefix("\u{feff}".as_bytes()).unwrap_or(event);
    let mut lines = lines(event).filter_map(|line| line.strip_prefix(b"data:"));
    let first = lines.next()?;
    let mut joined = first.strip_prefix(b" ").unwrap_or(first).to_vec();
    for line in lines {
        joined.push(b'\n');
        joined.extend_from_slice(line.strip_prefix(b" ").unwrap_or(line));
    }
    Some(String::from_utf8(joined).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Returns whether an event has the name `error`.
pub(super) fn is_error(event: &[u8]) -> bool {
    lines(event).filter_map(|line| line.strip_prefix(b"event:")).any(|name| name.trim_ascii() == b"error")
}

/// Returns whether an event has only comments and fields that clients ignore.
pub(super) fn is_comment(event: &[u8]) -> bool {
    let ignored = |line: &[u8]| [&b":"[..], b"event:", b"id:", b"retry:"].iter().any(|begin| line.starts_with(begin));
    lines(event).filter(|line| !line.is_empty()).all(ignored)
}

fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(event);
    std::iter::from_fn(move || {
        let text = rest?;
        let (line, next) = match memchr2(b'\n', b'\r', text) {
            Some(end) => (text.get(..end), text.get(end + 1..)),
            None => (Some(text), None),
        };
        rest = next;
        line
    })
}

#[cfg(test)]
mod tests;
