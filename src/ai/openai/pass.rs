//! Calls of programs, passed on: the name of the model and the limit of the output are replaced, the usage is asked for,
//! and all else goes through as it is, in both directions.

use std::sync::Arc;

use async_stream::stream;
use axum::body::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::events::data;
use super::read::{MAX_KEPT_BYTES, events};
use super::{Chunks, Shared, broke_off, unavailable};
use crate::ai::{Event, Passing, RawCall, Reply, Usage};
use crate::error::{Code, Error};

/// The names of the limit of the output, the older one first.
pub(super) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// What goes to an upstream.
pub(super) fn body(shared: &Shared, passing: &Passing, model: &str, max_output: u64) -> Bytes {
    let mut changes: Vec<_> = shared.params.forced().collect();
    changes.push(("model", json!(model).to_string()));
    let given: Vec<_> = LIMITS.into_iter().filter(|name| is_there(&passing.call, name)).collect();
    // An upstream may ignore the name that it does not know, and with it the limit that the hold was taken for.
    let renamed = match given.as_slice() {
        [only] if *only != shared.limit_name => Some((*only, shared.limit_name)),
        _ => None,
    };
    for name in if given.is_empty() { vec![shared.limit_name] } else { given } {
        changes.push((name, max_output.to_string()));
    }
    if passing.stream && !passing.show_usage {
        // On our own behalf; what comes of it is taken out of the answer again.
        let given = passing.call.get("stream_options").and_then(|json| serde_json::from_str(json).ok());
        let mut options: serde_json::Map<String, Value> = given.unwrap_or_default();
        options.insert("include_usage".to_owned(), true.into());
        changes.push(("stream_options", Value::from(options).to_string()));
    }
    passing.call.with(&changes, renamed)
}

fn is_there(call: &RawCall, name: &str) -> bool {
    call.get(name).is_some_and(|value| value.trim() != "null")
}

/// An answer in parts.
pub(super) fn parts(shared: Arc<Shared>, upstream: usize, bytes: Chunks, show_usage: bool) -> Reply {
    stream! {
        let mut events = events(bytes);
        let (mut usage, mut finished) = (None, false);
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(_) if finished => break,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            let data = data(&event).unwrap_or_default();
            if data.trim() == "[DONE]" {
                yield Ok(Event::Raw { bytes: event, text: String::new(), other: String::new() });
                yield Ok(Event::End(usage));
                return;
            }
            // What can't be read is the caller's to read.
            let chunk: Answer = serde_json::from_str(&data).unwrap_or_default();
            if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
                yield Err(shared.failed_midway(upstream, &error));
                return;
            }
            let reported = chunk.usage.map(Usage::from);
            if let Some(reported) = reported {
                usage = Some(reported);
                yield Ok(Event::Usage(reported));
            }
            finished |= chunk.choices.iter().any(|choice| choice.finish_reason.is_some());
            if reported.is_some() && chunk.choices.is_empty() && !show_usage {
                continue;
            }
            let (text, other) = written(&chunk.choices);
            yield Ok(Event::Raw { bytes: event, text, other });
        }
        if finished {
            yield Ok(Event::End(usage));
        } else {
            yield Err(broke_off());
        }
    }
    .boxed()
}

/// An answer in one piece.
pub(super) fn whole(shared: Arc<Shared>, upstream: usize, mut bytes: Chunks) -> Reply {
    stream! {
        let mut body = Vec::new();
        while let Some(chunk) = bytes.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
            if body.len() > MAX_KEPT_BYTES {
                // The caller asked for that much. It was made, and is counted, but can't be passed on.
                let other = String::from_utf8_lossy(&body).into_owned();
                yield Ok(Event::Raw { bytes: Bytes::new(), text: String::new(), other });
                let message = format!("The answer has more than {MAX_KEPT_BYTES} bytes. Ask for less at once, or stream it.");
                yield Err(Error::new(Code::PayloadTooLarge, message));
                return;
            }
        }
        // By way of a text, since what is not read of the bytes would not be checked, and is passed on as well.
        let text = std::str::from_utf8(&body).map_err(unavailable);
        let answer: Answer = match text.and_then(|text| serde_json::from_str(text).map_err(unavailable)) {
            Ok(answer) => answer,
            Err(error) => {
                yield Err(error);
                return;
            }
        };
        if let Some(error) = answer.error.filter(|error| !error.is_null()) {
            yield Err(shared.failed_midway(upstream, &error));
            return;
        }
        let (text, other) = written(&answer.choices);
        yield Ok(Event::Raw { bytes: body.into(), text, other });
        yield Ok(Event::End(answer.usage.map(Usage::from)));
    }
    .boxed()
}

/// The text of the first choice, and all else that was written.
fn written(choices: &[Choice]) -> (String, String) {
    let (mut text, mut other) = (String::new(), String::new());
    for choice in choices {
        let Some(said) = choice.delta.as_ref().or(choice.message.as_ref()) else { continue };
        if let Some(content) = &said.content {
            if choice.index == 0 { &mut text } else { &mut other }.push_str(content.as_str().unwrap_or_default());
        }
        for part in [&said.refusal, &said.reasoning_content, &said.reasoning] {
            other.push_str(part.as_ref().and_then(Value::as_str).unwrap_or_default());
        }
        let calls = said.tool_calls.iter().flatten().map(|call| &call["function"]).chain(&said.function_call);
        for function in calls {
            for part in ["name", "arguments"] {
                other.push_str(function[part].as_str().unwrap_or_default());
            }
        }
    }
    (text, other)
}

/// What matters here of an answer, or of a part of one. Whatever is of another shape than expected counts as not there.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<AnswerUsage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    message: Option<Said>,
    #[serde(default)]
    finish_reason: Option<Value>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<Value>,
    #[serde(default)]
    reasoning_content: Option<Value>,
    #[serde(default)]
    reasoning: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    #[serde(default)]
    function_call: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
struct AnswerUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl From<AnswerUsage> for Usage {
    fn from(usage: AnswerUsage) -> Self {
        Self { input: usage.prompt_tokens, output: usage.completion_tokens }
    }
}
