//! From the body of a call to what the domain takes.

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::error::Refusal;
use super::text;
use crate::ai::{Passing, RawCall, Request};
use crate::app::{App, Model};
use crate::chat::Call;

/// Bytes of what a person said that are stored, where it is.
const MAX_TEXT: usize = 64 << 10;

/// What of a call decides how it is answered.
pub(super) struct Asked {
    pub(super) call: Call,
    /// In parts.
    pub(super) stream: bool,
    /// With the usage at the end of the parts.
    pub(super) show_usage: bool,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Reads a call.
pub(super) fn read(app: &App, body: Bytes, idempotency_key: Option<String>) -> Result<Asked, Refusal> {
    let raw = RawCall::parse(body)?;
    let name: String = raw.read("model")?.ok_or_else(|| Refusal::param("model", "`model` is missing."))?;
    let model = app.models.get(Some(&name)).ok_or_else(|| Refusal::no_model(&name))?;
    let messages: Vec<Value> =
        raw.read("messages")?.ok_or_else(|| Refusal::param("messages", "`messages` is missing."))?;
    if messages.is_empty() {
        return Err(Refusal::param("messages", "`messages` is empty."));
    }
    let stream = raw.read::<bool>("stream")?.unwrap_or_default();
    let options: Option<StreamOptions> = raw.read("stream_options")?;
    if options.is_some() && !stream {
        return Err(Refusal::param("stream_options", "`stream_options` goes with `stream` only."));
    }
    let show_usage = options.and_then(|options| options.include_usage).unwrap_or_default();
    let choices = model.provider.answers(&raw).map_err(Refusal::parameter)?;
    let max_output = limit(&raw)?;
    let text = said_last(&messages);
    let fingerprint = raw.body().to_vec();
    let request = request(model, raw, messages, stream, show_usage)?;
    let call = Call { model: name, request, max_output, choices, text, idempotency_key, fingerprint };
    Ok(Asked { call, stream, show_usage })
}

fn request(
    model: &Model,
    raw: RawCall,
    messages: Vec<Value>,
    stream: bool,
    show_usage: bool,
) -> Result<Request, Refusal> {
    if model.provider.bound_of_call(&raw).is_some() {
        let passing = Some(Passing { call: raw, stream, show_usage });
        return Ok(Request { passing, ..Request::default() });
    }
    let sampling = text::sampling(&raw, &model.name)?;
    Ok(Request { messages: text::messages(&messages)?, sampling, ..Request::default() })
}

/// The smaller of the two limits that a call may name.
fn limit(raw: &RawCall) -> Result<Option<u64>, Refusal> {
    let mut limit: Option<u64> = None;
    for name in ["max_tokens", "max_completion_tokens"] {
        let Some(given) = raw.read::<u64>(name)? else { continue };
        if given == 0 {
            return Err(Refusal::param(name, format!("`{name}` is at least 1.")));
        }
        limit = Some(limit.map_or(given, |limit| limit.min(given)));
    }
    Ok(limit)
}

/// The text of the last message that a person wrote.
fn said_last(messages: &[Value]) -> String {
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    let content = last.map(|message| &message["content"]);
    let text = match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<_> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    };
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default().to_owned()
}
