//! Calls to models in this house: text, and the common sampling fields. Everything else is refused by its name, since
//! leaving it out would answer another question than was asked.

use serde_json::Value;

use super::error::Refusal;
use crate::ai::{Message, RawCall, Role, Sampling};

/// Texts that may end a reply, and their length.
const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 200;

/// What these models take, beside what is looked at elsewhere. The last ones change nothing of an answer.
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
/// Values by which a field says nothing.
const NOTHING: [(&str, &str); 9] = [
    ("frequency_penalty", "0"),
    ("frequency_penalty", "0.0"),
    ("presence_penalty", "0"),
    ("presence_penalty", "0.0"),
    ("logprobs", "false"),
    ("tools", "[]"),
    ("response_format", "{\"type\":\"text\"}"),
    ("response_format", "{\"type\": \"text\"}"),
    ("logit_bias", "{}"),
];

/// How words are to be chosen.
pub(super) fn sampling(raw: &RawCall, model: &str) -> Result<Sampling, Refusal> {
    for name in raw.names().filter(|name| !KNOWN.contains(name)) {
        let value = raw.get(name).unwrap_or_default();
        if value != "null" && !NOTHING.contains(&(name, value)) {
            return Err(Refusal::unsupported(name, model));
        }
    }
    if raw.read::<u64>("n")?.is_some_and(|choices| choices != 1) {
        return Err(Refusal::unsupported("n", model));
    }
    let between = |name: &str, least: f64, most: f64| -> Result<Option<f64>, Refusal> {
        let given = raw.read::<f64>(name)?;
        match given {
            Some(value) if !(least..=most).contains(&value) => {
                Err(Refusal::param(name, format!("`{name}` is between {least} and {most}.")))
            }
            given => Ok(given),
        }
    };
    let seed = raw.read::<i64>("seed")?.map(i64::cast_unsigned);
    let stop = match raw.read::<Value>("stop")? {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![stop],
        Some(stops) => {
            serde_json::from_value(stops).map_err(|_| Refusal::param("stop", "`stop` is a text or a list of texts."))?
        }
    };
    if stop.len() > MAX_STOPS || stop.iter().any(|stop: &String| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
        let message = format!("`stop` has at most {MAX_STOPS} texts, each of 1 to {MAX_STOP_BYTES} bytes.");
        return Err(Refusal::param("stop", message));
    }
    Ok(Sampling { temperature: between("temperature", 0.0, 2.0)?, top_p: between("top_p", 0.0, 1.0)?, seed, stop })
}

/// The messages, which have to be text.
pub(super) fn messages(messages: &[Value]) -> Result<Vec<Message>, Refusal> {
    messages.iter().enumerate().map(|(place, message)| one(place, message)).collect()
}

fn one(place: usize, message: &Value) -> Result<Message, Refusal> {
    let wrong = |part: &str, what: &str| {
        let param = format!("messages[{place}]{part}");
        Refusal::param(param.clone(), format!("`{param}`: {what}"))
    };
    let fields = message.as_object().ok_or_else(|| wrong("", "an object is needed."))?;
    let role = match fields.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => return Err(wrong(".role", "this model does not use tools.")),
        _ => return Err(wrong(".role", "system, developer, user or assistant.")),
    };
    for (name, value) in fields {
        let known = ["role", "content", "name", "refusal"].contains(&name.as_str());
        if !known && !value.is_null() && *value != Value::Array(Vec::new()) {
            return Err(wrong(&format!(".{name}"), "this model does not know this."));
        }
    }
    let content = match fields.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for (number, part) in parts.iter().enumerate() {
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(said)) => text.push_str(said),
                    _ => return Err(wrong(&format!(".content[{number}]"), "this model takes text only.")),
                }
            }
            text
        }
        _ => return Err(wrong(".content", "a text is needed.")),
    };
    Ok(Message { role, content })
}
