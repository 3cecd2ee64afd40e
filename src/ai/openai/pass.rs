//! Calls of programs, passed on: the name of the model and the limit of the output are replaced, the usage is asked for,
//! and all else goes through as it is, in both directions.

use std::sync::Arc;

use async_stream::stream;
use axum::body::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::events::{Splitter, data};
use super::gather::{First, Place, Text};
use super::{Chunks, Shared, broke_off, unavailable};
use crate::ai::{Event, Passing, RawCall, Reply, Usage};

/// The names of the limit of the output, the older one first.
pub(super) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// What goes to an upstream.
pub(super) fn body(passing: &Passing, model: &str, max_output: u64, limit_name: &'static str) -> Bytes {
    let mut changes = vec![("model", json!(model).to_string())];
    let given: Vec<_> = LIMITS.into_iter().filter(|name| is_there(&passing.call, name)).collect();
    for name in if given.is_empty() { vec![limit_name] } else { given } {
        changes.push((name, max_output.to_string()));
    }
    if passing.stream && !passing.show_usage {
        // On our own behalf; what comes of it is taken out of the answer again.
        let given = passing.call.get("stream_options").and_then(|json| serde_json::from_str(json).ok());
        let mut options: serde_json::Map<String, Value> = given.unwrap_or_default();
        options.insert("include_usage".to_owned(), true.into());
        changes.push(("stream_options", Value::from(options).to_string()));
    }
    passing.call.with(&changes)
}

fn is_there(call: &RawCall, name: &str) -> bool {
    call.get(name).is_some_and(|value| value.trim() != "null")
}

/// An answer in parts.
pub(super) fn parts(shared: Arc<Shared>, upstream: usize, mut bytes: Chunks, show_usage: bool) -> Reply {
    stream! {
        let mut splitter = Splitter::new(shared.places.clone());
        let (mut usage, mut finished, mut closed) = (None, false, false);
        while !closed {
            match bytes.next().await {
                Some(Ok(chunk)) => splitter.push(&chunk).await,
                Some(Err(_)) if finished => closed = true,
                Some(Err(error)) => {
                    yield Err(error);
                    return;
                }
                None => closed = true,
            }
            while let Some(event) = splitter.next().or_else(|| if closed { splitter.last() } else { None }) {
                let data = data(&event).unwrap_or_default();
                if data.trim() == "[DONE]" {
                    yield Ok(Event::Raw { bytes: event, text: String::new(), other: String::new() });
                    yield Ok(Event::End(usage));
                    return;
                }
                // What can't be read is the caller's to read.
                let chunk: Answer = serde_json::from_str(&data).unwrap_or_default();
                if let Some(error) = chunk.error {
                    yield Err(shared.failed_midway(upstream, error.get()));
                    return;
                }
                let told = chunk.usage.map(Usage::from);
                usage = told.or(usage);
                finished |= chunk.choices.0.iter().any(|choice| choice.finish_reason.is_some());
                if told.is_some() && chunk.choices.0.is_empty() && !show_usage {
                    continue;
                }
                let (text, other) = written(&chunk.choices.0);
                yield Ok(Event::Raw { bytes: event, text, other });
            }
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
        let (mut body, mut place) = (Vec::new(), Place::default());
        while let Some(chunk) = bytes.next().await {
            match chunk {
                Ok(chunk) => {
                    shared.places.take(&mut place, body.len() + chunk.len()).await;
                    body.extend_from_slice(&chunk);
                }
                Err(error) => {
                    yield Err(error);
                    return;
                }
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
        if let Some(error) = answer.error {
            yield Err(shared.failed_midway(upstream, error.get()));
            return;
        }
        let (text, other) = written(&answer.choices.0);
        let usage = answer.usage.map(Usage::from);
        yield Ok(Event::Raw { bytes: place.bytes(body), text, other });
        yield Ok(Event::End(usage));
    }
    .boxed()
}

/// The text of the first choice, and all else that was written.
fn written(choices: &[Choice]) -> (String, String) {
    let (mut text, mut other) = (String::new(), String::new());
    for choice in choices {
        let Some(said) = choice.delta.as_ref().or(choice.message.as_ref()) else { continue };
        if choice.index == 0 { &mut text } else { &mut other }.push_str(&said.content.0);
        for part in [&said.refusal, &said.reasoning_content, &said.reasoning] {
            other.push_str(&part.0);
        }
        let calls = said.tool_calls.iter().flat_map(|calls| &calls.0);
        let functions = calls.filter_map(|call| serde_json::from_str::<Call>(call.get()).ok()?.function);
        for function in functions.chain(said.function_call.clone()) {
            let Function { name, arguments } = serde_json::from_str(function.get()).unwrap_or_default();
            other.push_str(&name.0);
            other.push_str(&arguments.0);
        }
    }
    (text, other)
}

/// What matters here of an answer, or of a part of one. Whatever is of another shape than expected counts as not there.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    choices: First<Choice>,
    #[serde(default)]
    usage: Option<AnswerUsage>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
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
    finish_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Text,
    #[serde(default)]
    refusal: Text,
    #[serde(default)]
    reasoning_content: Text,
    #[serde(default)]
    reasoning: Text,
    #[serde(default)]
    tool_calls: Option<First<Box<RawValue>>>,
    #[serde(default)]
    function_call: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    function: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    arguments: Text,
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
