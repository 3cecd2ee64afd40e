//! The content of an upstream's response: its text, usage and end. Parsed only here, for passed-on calls and for
//! messages in the local format.
//!
//! Each member is read separately: one of an unexpected type must not hide the others. Empty members are skipped, and
//! unreadable ones are counted by their JSON.

use serde_json::value::RawValue;

use super::finish::finish_reason;
use super::texts::{First, LABELS, Texts};
use super::usage::{usage_in, usage_of};
use super::wtf8::wtf8;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Event, Usage, members, string};

/// Members of a message that contain reasoning.
const REASONING: [&str; 7] =
    ["reasoning", "reasoning_content", "reasoning_text", "reasoning_details", "thinking", "thinking_blocks", "thought"];
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
    /// Whether nothing follows it.
    pub(super) is_last: bool,
}

/// The content of one choice.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) index: u64,
    /// The text as WTF-8: a surrogate pair may be split between two events.
    pub(super) text: Vec<u8>,
    /// Other output: tool calls, refusals, transcripts, images.
    pub(super) other: String,
    /// Reasoning before the answer.
    pub(super) reasoning: Reasoning,
    /// The finish reason; `None` if the choice has not ended.
    pub(super) end: Option<String>,
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
        Self::Answer(Answer { is_usage: usage.is_some() && read.is_empty(), choices: read, usage, is_last: false })
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

    /// Returns the finish reason of the first choice; `None` if it has not ended, or for an unknown reason.
    pub(super) fn finish(&self) -> Option<FinishReason> {
        let mut ends =
            self.choices.iter().filter(|choice| choice.index == 0).filter_map(|choice| choice.end.as_deref());
        ends.find_map(finish_reason)
    }

    /// Takes the reasoning blocks of the first choice.
    pub(super) fn reasoning_blocks(&mut self) -> Vec<String> {
        let first = self.choices.iter_mut().filter(|choice| choice.index == 0);
        first.flat_map(|choice| std::mem::take(&mut choice.reasoning.blocks)).collect()
    }

    /// Takes the other output: the reasoning, and what else there is except the text of the first choice.
    pub(super) fn beside(&mut self) -> impl Iterator<Item = Event> + use<> {
        let (mut other, mut reasoning) = (String::new(), Reasoning::default());
        for choice in self.choices.drain(..) {
            let Reasoning { text, hidden, .. } = choice.reasoning;
            if choice.index > 0 {
                other.push_str(&String::from_utf8_lossy(&choice.text));
                reasoning.hidden.push_str(&text);
            } else {
                reasoning.text.push_str(&text);
            }
            reasoning.hidden.push_str(&hidden);
            other.push_str(&choice.other);
        }
        let Reasoning { text, hidden, .. } = reasoning;
        let reasoning = (!text.is_empty() || !hidden.is_empty()).then_some(Event::Reasoning { text, hidden });
        reasoning.into_iter().chain((!other.is_empty()).then_some(Event::Other(other)))
    }
}

/// The reasoning of a choice.
#[derive(Default)]
pub(super) struct Reasoning {
    /// The text that the user may see.
    pub(super) text: String,
    /// Encrypted reasoning.
    pub(super) hidden: String,
    /// Complete blocks that the upstream wants back, as JSON.
    pub(super) blocks: Vec<String>,
}

impl Reasoning {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.hidden.is_empty()
    }

    /// Reads a member with reasoning. Some upstreams send the same text under several names, as OpenRouter does in
    /// `reasoning` and `reasoning_details`: only the first counts.
    fn read(&mut self, json: &str) {
        let (mut text, mut hidden) = (String::new(), String::new());
        match string(json) {
            Some(known) => text.push_str(&known),
            None => {
                let is_list = json.trim_start().starts_with('[');
                for part in if is_list { list(json) } else { serde_json::from_str(json).into_iter().collect() } {
                    read_part(part, &mut text, &mut hidden);
                }
            }
        }
        if self.text.is_empty() {
            self.text = text;
        }
        self.hidden.push_str(&hidden);
    }
}

/// Reads an element of a list of reasoning: its text, or what is encrypted in it.
fn read_part(part: &RawValue, text: &mut String, hidden: &mut String) {
    let Ok(Some(members)) = members(part.get()) else { return collect(text, part.get()) };
    for (name, value) in members {
        match &*name {
            "data" | "encrypted_content" => collect(hidden, value.get()),
            name if LABELS.contains(&name) => {}
            _ => collect(text, value.get()),
        }
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
                (name, reasoning) if REASONING.contains(&name) => self.reasoning.read(reasoning),
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
                    (name, _) if REASONING.contains(&name) => self.reasoning.read(value.get()),
                    (name, _) if LABELS.contains(&name) => {}
                    _ => collect(&mut self.other, value.get()),
                }
            }
        }
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
