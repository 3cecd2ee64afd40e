//! Conversion between streamed and whole responses, if an upstream sends the other kind than requested. A client that
//! requested one can't read the other, and would pay for a retry.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::answer::MessageContent;
use super::large_answers::LargeAnswers;
use super::sse::{Framing, Splitter, data, is_error};
use crate::infra::ai::members;

/// Returns whether a body is a stream of events, whatever its content type.
pub(super) fn is_stream(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|begin| body.starts_with(begin))
}

/// A stream, converted to a whole response.
#[derive(Default)]
pub(super) struct Joined {
    /// The response; empty if no chunk of it can be read.
    pub(super) json: String,
    /// Whether the stream reached its end.
    pub(super) is_done: bool,
    /// The error that ended the stream.
    pub(super) error: Option<String>,
}

/// Joins the chunks of a stream.
pub(super) async fn joined(body: &[u8]) -> Joined {
    let mut splitter = Splitter::new(Framing::Events, LargeAnswers::default());
    splitter.push(body).await;
    let (mut answer, mut choices, mut joined) = (Map::new(), Vec::new(), Joined::default());
    while let Some(event) = splitter.next().or_else(|| splitter.last()) {
        let Some(data) = data(&event) else { continue };
        match MessageContent::read(&data, is_error(&event)) {
            MessageContent::Done => joined.is_done = true,
            MessageContent::Error(error) => {
                joined.error = Some(error);
                break;
            }
            MessageContent::Nothing | MessageContent::Answer(_) | MessageContent::Unknown => {}
        }
        let Ok(Value::Object(part)) = serde_json::from_str(&without_halves(&data)) else { continue };
        for (name, value) in part {
            match (name.as_str(), value) {
                ("choices", Value::Array(parts)) => parts.into_iter().for_each(|part| add(&mut choices, part)),
                (_, Value::Null) | ("choices", _) => {}
                (_, value) => {
                    answer.insert(name, value);
                }
            }
        }
    }
    if !choices.is_empty() {
        answer.insert("object".to_owned(), "chat.completion".into());
        answer.insert("choices".to_owned(), choices.into());
        joined.json = with_halves(&Value::from(answer).to_string());
    }
    joined
}

/// Replaces escaped surrogates in JSON with placeholders, since a Rust string can't contain unpaired ones.
fn without_halves(json: &str) -> String {
    let mut changed = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at(place);
        changed.push_str(before);
        // D800 to DFFF.
        let is_half = matches!(escape.as_bytes(), [_, b'u', b'd' | b'D', digit, _, _, ..] if *digit > b'7');
        let (kept, length) = if is_half { (MARK, 2) } else { ("", 0) };
        changed.push_str(kept);
        let end = length.max(escape.char_indices().nth(2).map_or(escape.len(), |(place, _)| place));
        changed.push_str(escape.get(length..end).unwrap_or_default());
        rest = escape.get(end..).unwrap_or_default();
    }
    changed + rest
}

/// Restores the escaped surrogates, of which two from different chunks may now form a pair.
fn with_halves(json: &str) -> String {
    json.replace(MARK, "\\u")
}

/// The placeholder, in JSON: characters that no response contains.
const MARK: &str = "\\u0001\\u0002\\u0001";

/// Adds a chunk of a choice to the previous ones.
fn add(choices: &mut Vec<Value>, part: Value) {
    let Value::Object(mut part) = part else { return };
    if let Some(delta) = part.remove("delta") {
        part.insert("message".to_owned(), delta);
    }
    merge_by_index(choices, Value::from(part));
}

/// Merges chunks like OpenAI's clients: texts are concatenated, objects merged, elements of lists too by their index.
fn merge(name: &str, whole: &mut Value, part: Value) {
    match (whole, part) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) if !matches!(name, "role" | "type" | "id" | "finish_reason") => {
            text.push_str(&more);
        }
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                match whole.get_mut(&name) {
                    Some(known) => merge(&name, known, value),
                    None => drop(whole.insert(name, value)),
                }
            }
        }
        (Value::Array(whole), Value::Array(parts)) => parts.into_iter().for_each(|part| merge_by_index(whole, part)),
        (whole, part) => *whole = part,
    }
}

fn merge_by_index(list: &mut Vec<Value>, part: Value) {
    let index = part.get("index").and_then(Value::as_u64);
    let same = |known: &&mut Value| index.is_some() && known.get("index").and_then(Value::as_u64) == index;
    match list.iter_mut().find(same) {
        Some(known) => merge("", known, part),
        None => list.push(part),
    }
}

/// Converts a whole response to a single event of a stream. `None` if it can't be read.
pub(super) fn as_event(body: &str) -> Option<String> {
    let mut members = members(body).ok()??;
    let mut written = Vec::new();
    for (name, value) in &mut members {
        let value = match &**name {
            "object" => "\"chat.completion.chunk\"".to_owned(),
            "choices" => choices(value.get())?,
            _ => value.get().to_owned(),
        };
        written.push(format!("{}:{value}", json!(name)));
    }
    // A JSON string contains no raw line break, so these are between tokens.
    let line = format!("{{{}}}", written.join(",")).replace(['\r', '\n'], " ");
    Some(format!("data: {line}\n\n"))
}

fn choices(json: &str) -> Option<String> {
    let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let part = |part: &&RawValue| {
        // An element that is not a choice is omitted.
        let members = members(part.get()).ok()??;
        let members = members.iter().map(|(name, value)| match &**name {
            "message" => format!("\"delta\":{}", delta(value.get())),
            _ => format!("{}:{value}", json!(name)),
        });
        Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
    };
    Some(format!("[{}]", parts.iter().filter_map(part).collect::<Vec<_>>().join(",")))
}

/// Converts a message to a delta: clients require an index for each tool call.
fn delta(message: &str) -> String {
    let Ok(Some(members)) = members(message) else { return message.to_owned() };
    let calls = |json: &str| {
        let Ok(Value::Array(mut calls)) = serde_json::from_str(json) else { return json.to_owned() };
        for (place, call) in calls.iter_mut().enumerate() {
            if let Value::Object(call) = call {
                call.entry("index").or_insert_with(|| place.into());
            }
        }
        Value::from(calls).to_string()
    };
    let members = members.iter().map(|(name, value)| match &**name {
        "tool_calls" => format!("\"tool_calls\":{}", calls(value.get())),
        _ => format!("{}:{value}", json!(name)),
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests;
