//! Calls to local models: text, and the common sampling parameters. All other parameters are rejected by name, since
//! ignoring one would answer a different request.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::infra::ai::{FromMember, Message, RawRequest, Role, Sampling, members, string};
use crate::infra::catalog::Model;

/// Maximum number of stop sequences, and their maximum length.
const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 200;
/// Maximum size of the messages as JSON: for each model token of the context window, and in total. No natural language
/// has as many bytes in a model token; reading messages that cannot be answered would only cost time.
const BYTES_PER_UNIT: u64 = 16;
const MAX_MESSAGES_BYTES: u64 = 256 << 10;
/// Maximum size of a user's message that is stored, if messages of API calls are stored at all.
const MAX_TEXT: usize = 64 << 10;

/// The parameters that local models accept. The last ones do not affect a response.
const KNOWN: [&str; 16] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
];
/// Maximum size of a value that may be a default.
const MAX_NOTHING: usize = 256;

/// Returns whether a parameter has its default value, so that ignoring it changes nothing. Values are compared as JSON,
/// whatever their spelling.
fn says_nothing(name: &str, value: &str) -> bool {
    if value.len() > MAX_NOTHING {
        return false;
    }
    let Ok(value) = serde_json::from_str::<Value>(value) else { return false };
    match name {
        _ if value.is_null() => true,
        "frequency_penalty" | "presence_penalty" | "top_logprobs" => value.as_f64() == Some(0.0),
        "logprobs" => value == json!(false),
        "parallel_tool_calls" => value.is_boolean(),
        "tools" | "functions" => value == json!([]),
        "tool_choice" | "function_call" => value == json!("none") || value == json!("auto"),
        "response_format" => value == json!({ "type": "text" }),
        "modalities" => value == json!(["text"]),
        "logit_bias" => value == json!({}),
        _ => false,
    }
}

/// Returns the sampling parameters of a call.
///
/// # Errors
/// Unsupported parameters, and values out of range.
pub(super) fn sampling(raw: &RawRequest, model: &str) -> Result<Sampling, ApiError> {
    for name in raw.names().filter(|name| !KNOWN.contains(name)) {
        if !says_nothing(name, raw.get(name).unwrap_or_default()) {
            return Err(ApiError::unsupported(name, model));
        }
    }
    if raw.read::<f64>("n")?.is_some_and(|choices| choices != 1.0) {
        return Err(ApiError::unsupported_value("n", model));
    }
    let between = |name: &str, least: f64, most: f64| -> Result<Option<f64>, ApiError> {
        let given = raw.read::<f64>(name)?;
        match given {
            Some(value) if value < least => {
                let message = format!(
                    "Invalid '{name}': decimal below minimum value. Expected a value >= {least}, but got {value} \
                     instead."
                );
                Err(ApiError::invalid_param(name, "decimal_below_min_value", message))
            }
            Some(value) if value > most => {
                let message = format!(
                    "Invalid '{name}': decimal above maximum value. Expected a value <= {most}, but got {value} \
                     instead."
                );
                Err(ApiError::invalid_param(name, "decimal_above_max_value", message))
            }
            given => Ok(given),
        }
    };
    let seed = raw.read::<i64>("seed")?.map(i64::cast_unsigned);
    let stop = match raw.read("stop")? {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Many(stops)) => stops,
    };
    if stop.len() > MAX_STOPS || stop.iter().any(|stop: &String| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
        let message = format!("`stop` has at most {MAX_STOPS} texts, each of 1 to {MAX_STOP_BYTES} bytes.");
        return Err(ApiError::param("stop", message));
    }
    Ok(Sampling { temperature: between("temperature", 0.0, 2.0)?, top_p: between("top_p", 0.0, 1.0)?, seed, stop })
}

/// The parameter `stop`: texts before which a reply ends.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl FromMember for Stop {
    const KIND: &'static str = "a string or a list of strings";
}

/// Returns the messages, which must be text.
///
/// # Errors
/// Messages that exceed the context window; roles, members and content parts that local models do not support.
pub(super) fn messages(raw: &RawRequest, model: &Model) -> Result<Vec<Message>, ApiError> {
    let json = raw.get("messages").unwrap_or_default();
    let window = model.provider.context_window();
    let most = window.saturating_mul(BYTES_PER_UNIT).min(MAX_MESSAGES_BYTES);
    if json.len() as u64 > most {
        return Err(ApiError::too_long(window, json.len() as u64));
    }
    list(json).into_iter().enumerate().map(|(place, message)| one(place, message.get())).collect()
}

fn one(place: usize, message: &str) -> Result<Message, ApiError> {
    let wrong = |part: &str, what: &str| {
        let param = format!("messages[{place}]{part}");
        ApiError::param(param.clone(), format!("`{param}`: {what}"))
    };
    let fields = members(message).map_err(|_| wrong("", "must be an object."))?;
    let fields = fields.ok_or_else(|| wrong("", "has too many members."))?;
    let role = match member(&fields, "role").and_then(string).as_deref() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => return Err(wrong(".role", "this model does not support tools.")),
        _ => return Err(wrong(".role", "must be system, developer, user or assistant.")),
    };
    for (name, value) in &fields {
        let known = ["role", "content", "name", "refusal"].contains(&name.as_ref());
        if !known && value.get() != "null" && !is_empty_list(value.get()) {
            return Err(wrong(&format!(".{name}"), "is not supported by this model."));
        }
    }
    let json = member(&fields, "content").unwrap_or_default();
    if let Some(text) = string(json) {
        return Ok(Message { role, content: text.into_owned() });
    }
    // Clients send an empty reply back like this.
    if role == Role::Assistant && matches!(json, "" | "null") {
        return Ok(Message { role, content: String::new() });
    }
    if !json.starts_with('[') {
        return Err(wrong(".content", "must be a text."));
    }
    let mut content = String::new();
    for (number, part) in list(json).into_iter().enumerate() {
        let text =
            text_of(part.get()).ok_or_else(|| wrong(&format!(".content[{number}]"), "this model takes text only."))?;
        content.push_str(&text);
    }
    Ok(Message { role, content })
}

/// Returns the text of the last message with the role `user`, up to [`MAX_TEXT`] bytes.
pub(super) fn said_last(raw: &RawRequest) -> String {
    let all = list(raw.get("messages").unwrap_or_default());
    let content = all.into_iter().rev().find_map(|message| {
        let fields = members(message.get()).ok()??;
        let is_user = member(&fields, "role").and_then(string).is_some_and(|role| role == "user");
        is_user.then(|| member(&fields, "content").unwrap_or_default())
    });
    let content = content.unwrap_or_default();
    let mut text = String::new();
    if let Some(whole) = string(content) {
        text.push_str(start_of(&whole, MAX_TEXT));
        return text;
    }
    let texts = list(content).into_iter().filter_map(|part| string(member(&members(part.get()).ok()??, "text")?));
    for part in texts {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(start_of(&part, MAX_TEXT.saturating_sub(text.len())));
        if text.len() >= MAX_TEXT {
            break;
        }
    }
    text
}

/// Returns the elements of a list; an empty list if the value is not a list.
fn list(json: &str) -> Vec<&RawValue> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Returns the value of a member; the last one if the name is duplicate.
fn member<'a>(fields: &[(Cow<'_, str>, &'a RawValue)], name: &str) -> Option<&'a str> {
    fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.get())
}

/// Returns the text of a content part of type `text`.
fn text_of(part: &str) -> Option<Cow<'_, str>> {
    let fields = members(part).ok()??;
    member(&fields, "type").and_then(string).filter(|kind| kind == "text")?;
    member(&fields, "text").and_then(string)
}

fn is_empty_list(json: &str) -> bool {
    json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|inner| inner.trim().is_empty())
}

fn start_of(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}
