//! Messages of calls to local models, which are text. All else is rejected by its place in the call.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::error::ApiError;
use crate::infra::ai::{Message, RawRequest, Role, members, string};
use crate::infra::catalog::Model;

/// Maximum size of the messages as JSON: for each model token of the context window, and in total. No natural language
/// has as many bytes in a model token; reading messages that cannot be answered would only cost time.
const BYTES_PER_UNIT: u64 = 16;
const MAX_MESSAGES_BYTES: u64 = 256 << 10;
/// Maximum size of a user's message that is stored, if messages of API calls are stored at all.
const MAX_TEXT: usize = 64 << 10;

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
        return Ok(Message::new(role, text));
    }
    // Clients send an empty reply back like this.
    if role == Role::Assistant && matches!(json, "" | "null") {
        return Ok(Message::new(role, ""));
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
    Ok(Message::new(role, content))
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
