//! The content of an upstream's response: its text, usage and end. Parsed only here, for passed-on calls and for
//! messages in the local format.
//!
//! Each member is read separately: one of an unexpected type must not hide the others. Empty members are skipped, and
//! unreadable ones are counted by their JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::gather::{First, LABELS, Texts};
use crate::infra::ai::{Event, Usage, members, string};

/// The maximum length of a count, in bytes of JSON.
const MAX_COUNT_BYTES: usize = 64;
/// The maximum number of choices whose ends are recorded; no call requests more.
const MAX_CHOICES: usize = 1000;
/// Members of a message that contain reasoning.
const THOUGHTS: [&str; 7] =
    ["reasoning", "reasoning_content", "reasoning_text", "reasoning_details", "thinking", "thinking_blocks", "thought"];
/// The names of the counts of a usage: input, output, and their sum.
const INPUT: [&str; 6] =
    ["prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount", "prompt_eval_count"];
const OUTPUT: [&str; 6] =
    ["completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount", "eval_count"];
const TOTAL: [&str; 3] = ["total_tokens", "totalTokens", "totalTokenCount"];

/// The content of an event, or of a whole body.
pub(super) enum MessageContent {
    /// Nothing: a keep-alive.
    Nothing,
    /// `[DONE]`: the end of the response.
    Done,
    /// A response, or a chunk of one.
    Answer(Answer),
    /// An error, as the upstream reported it.
    Error(String),
    /// None of these.
    Unknown,
}

/// A response, or a chunk of one.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) choices: Vec<Choice>,
    /// The reported usage; a missing count is 0.
    pub(super) usage: Option<Usage>,
    /// Whether it contains nothing but a usage.
    pub(super) is_usage: bool,
}

/// The content of one choice.
#[derive(Default)]
pub(super) struct Choice {
    index: u64,
    /// The text as WTF-8: a surrogate pair may be split between two events.
    text: Vec<u8>,
    /// Other output: tool calls, refusals, transcripts, images.
    other: String,
    /// Reasoning before the answer.
    thoughts: String,
    /// The finish reason; `None` if the choice has not ended.
    end: Option<String>,
}

impl MessageContent {
    /// Parses the data of an event, or a body. `is_error` if the event has that name.
    pub(super) fn read(json: &str, is_error: bool) -> Self {
        let json = json.trim();
        match json {
            "" | "null" => return Self::Nothing,
            "[DONE]" => return Self::Done,
            _ => {}
        }
        let Ok(Some(members)) = members(json) else {
            return if is_error { Self::Error(json.to_owned()) } else { Self::Unknown };
        };
        let get = |name: &str| {
            let of_name = members.iter().find(|(known, _)| known == name).map(|(_, value)| value.get());
            of_name.filter(|json| *json != "null")
        };
        let choices = get("choices");
        let is_object = |kind: &str| get("object").and_then(string).is_some_and(|object| object == kind);
        // Some upstreams send an empty error on success.
        let error = get("error").filter(|error| !matches!(*error, "false" | "\"\"" | "{}" | "[]"));
        let is_failure =
            choices.is_none() && ["detail", "message", "msg", "errors"].iter().any(|name| get(name).is_some());
        if is_error || error.is_some() || is_object("error") || is_failure {
            return Self::Error(error.unwrap_or(json).to_owned());
        }
        let read: Vec<_> = choices.map(list).unwrap_or_default().into_iter().filter_map(Choice::read).collect();
        // Non-standard places: Groq's streams, single choices, and Ollama.
        let usage = ["usage", "usage_metadata", "usageMetadata"].iter().find_map(|name| usage_of(get(name)?));
        let usage = usage.or_else(|| usage_in(get("x_groq")?));
        let usage = usage.or_else(|| list(choices?).into_iter().find_map(|choice| usage_in(choice.get())));
        let usage = usage.or_else(|| usage_of(json));
        Self::Answer(Answer { is_usage: usage.is_some() && read.is_empty(), choices: read, usage })
    }
}

impl Answer {
    /// Takes the text of the first choice, as WTF-8: a surrogate pair may be split between two events.
    pub(super) fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        for choice in self.choices.iter_mut().filter(|choice| choice.index == 0) {
            text.append(&mut choice.text);
        }
        text
    }

    /// Takes the other output: that of the first choice except its text, and all of other choices.
    pub(super) fn beside(&mut self) -> Option<Event> {
        let (mut other, mut thoughts) = (String::new(), String::new());
        for choice in self.choices.drain(..) {
            if choice.index > 0 {
                other.push_str(&String::from_utf8_lossy(&choice.text));
            }
            other.push_str(&choice.other);
            thoughts.push_str(&choice.thoughts);
        }
        (!other.is_empty() || !thoughts.is_empty()).then_some(Event::Beside { other, thoughts })
    }
}

impl Choice {
    fn read(choice: &RawValue) -> Option<Self> {
        let members = members(choice.get()).ok()??;
        let mut read = Self::default();
        for (name, value) in members {
            match (&*name, value.get()) {
                (_, "null") => {}
                ("index", index) => read.index = index.parse().unwrap_or_default(),
                ("finish_reason", reason) => read.end = end(reason),
                ("delta" | "message", message) => read.message(message),
                // The format of legacy completions.
                ("text", text) => read.content(text),
                _ => {}
            }
        }
        Some(read)
    }

    fn message(&mut self, message: &str) {
        let Ok(Some(members)) = members(message) else {
            // Unreadable output is counted by its JSON.
            return self.other.push_str(message);
        };
        for (name, value) in members {
            match (&*name, value.get()) {
                (_, "null") => {}
                ("content", content) => self.content(content),
                (name, thoughts) if THOUGHTS.contains(&name) => collect(&mut self.thoughts, thoughts),
                (name, _) if LABELS.contains(&name) => {}
                (_, other) => collect(&mut self.other, other),
            }
        }
    }

    /// Reads the content: a text, or a list of parts.
    fn content(&mut self, content: &str) {
        if let Some(text) = wtf8(content) {
            return self.text.extend(text);
        }
        if !content.starts_with('[') {
            return collect(&mut self.other, content);
        }
        for part in list(content) {
            if let Some(text) = wtf8(part.get()) {
                self.text.extend(text);
                continue;
            }
            let Ok(Some(members)) = members(part.get()) else {
                collect(&mut self.other, part.get());
                continue;
            };
            for (name, value) in members {
                match (&*name, wtf8(value.get())) {
                    ("text", Some(text)) => self.text.extend(text),
                    (name, _) if THOUGHTS.contains(&name) => collect(&mut self.thoughts, value.get()),
                    (name, _) if LABELS.contains(&name) => {}
                    _ => collect(&mut self.other, value.get()),
                }
            }
        }
    }
}

/// The progress of a response.
#[derive(Default)]
pub(super) struct Progress {
    seen: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    /// Whether a choice has output: text, a tool call, a refusal, audio, an image.
    pub(super) has_answer: bool,
    /// Whether a choice has reasoning.
    pub(super) has_thoughts: bool,
    /// Whether a content filter ended a choice: an empty answer is intended then.
    is_filtered: bool,
}

impl Progress {
    pub(super) fn note(&mut self, answer: &Answer) {
        for choice in answer.choices.iter().take(MAX_CHOICES) {
            self.has_answer |= !choice.text.is_empty() || !choice.other.is_empty();
            self.has_thoughts |= !choice.thoughts.is_empty();
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
        self.has_answer || self.has_thoughts || self.is_filtered
    }
}

/// Returns the first elements of a list; none for any other value.
fn list(json: &str) -> Vec<&RawValue> {
    serde_json::from_str(json).map(|First(elements)| elements).unwrap_or_default()
}

/// Parses a finish reason. Empty text means that the choice has not ended.
fn end(reason: &str) -> Option<String> {
    match string(reason) {
        Some(reason) => (!reason.is_empty()).then(|| reason.into_owned()),
        None => (reason != "false").then(|| reason.to_owned()),
    }
}

/// Collects the texts of a value; an unreadable one is collected as its JSON.
fn collect(into: &mut String, json: &str) {
    let before = into.len();
    if Texts(into).read(json).is_err() {
        into.truncate(before);
        into.push_str(json);
    }
}

/// Parses a usage, each count by any of the names that upstreams use; `None` without a count. 0 means unknown.
fn usage_of(json: &str) -> Option<Usage> {
    let members = json.starts_with('{').then(|| members(json).ok()?)??;
    let number = |names: &[&str]| {
        let known = members.iter().filter(|(name, _)| names.contains(&&**name));
        known.filter_map(|(_, value)| count(value.get())).max()
    };
    let (input, output, total) = (number(&INPUT), number(&OUTPUT), number(&TOTAL));
    if input.is_none() && output.is_none() {
        return None;
    }
    let rest = |known: Option<u64>| total.unwrap_or_default().saturating_sub(known.unwrap_or_default());
    Some(Usage { input: input.unwrap_or_else(|| rest(output)), output: output.unwrap_or_else(|| rest(input)) })
}

/// Parses the usage within an object.
fn usage_in(json: &str) -> Option<Usage> {
    let members = members(json).ok()??;
    members.iter().filter(|(name, _)| name == "usage").find_map(|(_, value)| usage_of(value.get()))
}

/// Parses a count, given as a number or as text. Negative ones are ignored.
fn count(json: &str) -> Option<u64> {
    let whole = |number: f64| (number >= 0.0).then_some(number.ceil() as u64);
    // No valid count is longer.
    let value = (json.len() <= MAX_COUNT_BYTES).then(|| serde_json::from_str::<Value>(json).ok())??;
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns the text of a JSON string as WTF-8, which can encode unpaired surrogates; `None` for any other value.
fn wtf8(json: &str) -> Option<Vec<u8>> {
    struct Bytes(Vec<u8>);
    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Read;
            impl Visitor<'_> for Read {
                type Value = Vec<u8>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a string")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                    Ok(bytes.to_vec())
                }
            }
            deserializer.deserialize_bytes(Read).map(Bytes)
        }
    }
    json.starts_with('"').then(|| serde_json::from_str(json).map(|Bytes(bytes)| bytes).ok())?
}

/// Returns whether these bytes are a surrogate in WTF-8.
fn is_half(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xA0..=0xBF, _])
}

/// Decodes WTF-8 that is received in chunks: surrogate pairs are joined, unpaired ones replaced.
#[derive(Default)]
pub(super) struct Halves(Vec<u8>);

impl Halves {
    pub(super) fn push(&mut self, part: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.is_empty()
            && let Ok(text) = std::str::from_utf8(part)
        {
            return text.to_owned();
        }
        bytes.extend_from_slice(part);
        let (mut units, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some(place) = rest.windows(3).position(is_half) {
            let (text, after) = rest.split_at(place);
            units.extend(String::from_utf8_lossy(text).encode_utf16());
            let (half, after) = after.split_at(3);
            if after.is_empty() && half.get(1).is_some_and(|byte| *byte < 0xB0) {
                // The other surrogate may be in the next chunk.
                self.0 = half.to_vec();
            } else if let [_, middle, last] = half {
                units.push(0xD000 | u16::from(middle & 0x3F) << 6 | u16::from(last & 0x3F));
            }
            rest = after;
        }
        units.extend(String::from_utf8_lossy(rest).encode_utf16());
        String::from_utf16_lossy(&units)
    }

    /// Returns the replacement of an unpaired surrogate at the end.
    pub(super) fn rest(&mut self) -> &'static str {
        if std::mem::take(&mut self.0).is_empty() { "" } else { "\u{fffd}" }
    }
}
