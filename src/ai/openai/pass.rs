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

use super::events::data;
use super::gather::{First, LargeAnswer, Texts};
use super::params::folded;
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
    let mut limits: Vec<_> = LIMITS.into_iter().filter(|name| is_there(&passing.call, name)).collect();
    let mut renamed = None;
    match (limits.as_slice(), shared.limit_name) {
        ([], _) => limits.push(shared.limit_name()),
        // An upstream may ignore the name that it does not know, and with it the limit that the hold was taken for. A null
        // under its own name gets the value.
        ([only], Some(known)) if *only != known && passing.call.get(known).is_some() => limits.push(known),
        ([only], Some(known)) if *only != known => renamed = Some((*only, known)),
        _ => {}
    }
    changes.extend(limits.into_iter().map(|name| (name, max_output.to_string())));
    if passing.stream {
        changes.extend(stream_options(passing).map(|options| ("stream_options", options)));
    }
    passing.call.with(&changes, renamed)
}

/// Asks for the usage, where the caller has not done so: what comes of it is taken out of the answer again. A second
/// spelling of the same member would take it back from an upstream that ignores case.
fn stream_options(passing: &Passing) -> Option<String> {
    let given = passing.call.get("stream_options").and_then(|json| serde_json::from_str(json).ok());
    let mut options: serde_json::Map<String, Value> = given.unwrap_or_default();
    let count = options.len();
    options.retain(|name, _| name == INCLUDE_USAGE || folded(name) != folded(INCLUDE_USAGE));
    if passing.show_usage && options.len() == count {
        return None;
    }
    options.insert(INCLUDE_USAGE.to_owned(), true.into());
    Some(Value::from(options).to_string())
}

const INCLUDE_USAGE: &str = "include_usage";

fn is_there(call: &RawCall, name: &str) -> bool {
    call.get(name).is_some_and(|value| value.trim() != "null")
}

/// An answer in parts.
pub(super) fn parts(shared: Arc<Shared>, upstream: usize, bytes: Chunks, show_usage: bool) -> Reply {
    stream! {
        let mut events = events(shared.large.clone(), bytes);
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
            let Some(data) = data(&event) else {
                // No event for a reader of events, but bytes for one that is not: they are counted as what they are.
                let other = if is_comment(&event) { String::new() } else { String::from_utf8_lossy(&event).into_owned() };
                yield Ok(Event::Raw { bytes: event, text: String::new(), other });
                continue;
            };
            if data.trim() == "[DONE]" {
                yield Ok(Event::Raw { bytes: event, text: String::new(), other: String::new() });
                yield Ok(Event::End(usage));
                return;
            }
            // What can't be read is the caller's to read, and counts as it is.
            let Ok(chunk) = serde_json::from_str::<Answer>(&data) else {
                yield Ok(Event::Raw { bytes: event, text: String::new(), other: data });
                continue;
            };
            if let Some(error) = &chunk.error {
                yield Err(shared.failed_midway(upstream, error.get()));
                return;
            }
            let reported = chunk.usage();
            if let Some(reported) = reported {
                usage = Some(reported);
                yield Ok(Event::Usage(reported));
            }
            finished |= chunk.is_finished();
            if chunk.usage.is_some() && chunk.choices().is_empty() && !show_usage {
                continue;
            }
            let (text, other) = written(chunk.choices());
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
        let (mut body, mut permit) = (Vec::new(), LargeAnswer::default());
        while let Some(chunk) = bytes.next().await {
            match chunk {
                Ok(chunk) => {
                    shared.large.take(&mut permit, body.len() + chunk.len()).await;
                    body.extend_from_slice(&chunk);
                }
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
        if let Some(error) = &answer.error {
            yield Err(shared.failed_midway(upstream, error.get()));
            return;
        }
        let (text, other) = written(answer.choices());
        let usage = answer.usage();
        yield Ok(Event::Raw { bytes: permit.bytes(body), text, other });
        yield Ok(Event::End(usage));
    }
    .boxed()
}

/// Whether an event has nothing but comments and fields that readers of events ignore.
fn is_comment(event: &[u8]) -> bool {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let ignored = |line: &[u8]| [&b":"[..], b"event:", b"id:", b"retry:"].iter().any(|begin| line.starts_with(begin));
    lines.filter(|line| !line.is_empty()).all(ignored)
}

/// The text of the first choice, and all else that was written: whatever an upstream calls it, all texts that are not known
/// to be labels count.
pub(super) fn written(choices: &[Choice]) -> (String, String) {
    let (mut text, mut other) = (String::new(), String::new());
    for choice in choices {
        let index = choice.index.as_ref().and_then(|index| index.get().parse::<u64>().ok());
        // `text` is that of older completions.
        for said in [&choice.delta, &choice.message, &choice.text].into_iter().flatten() {
            let before = (text.len(), other.len());
            let texts = match index.unwrap_or_default() {
                0 => Texts::with_rest(&mut text, &mut other),
                _ => Texts::new(&mut other),
            };
            if texts.read(said.get()).is_err() {
                // What can't be read counts as it is.
                text.truncate(before.0);
                other.truncate(before.1);
                other.push_str(said.get());
            }
        }
    }
    (text, other)
}

/// What matters here of an answer, or of a part of one. Each member is read by itself: one of another shape than expected
/// must not hide the others. No values are made of what is in them.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    choices: Option<First<Choice>>,
    #[serde(default)]
    usage: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    index: Option<Box<RawValue>>,
    #[serde(default)]
    delta: Option<Box<RawValue>>,
    #[serde(default)]
    message: Option<Box<RawValue>>,
    #[serde(default)]
    text: Option<Box<RawValue>>,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

impl Answer {
    pub(super) fn choices(&self) -> &[Choice] {
        self.choices.as_ref().map(|choices| choices.0.as_slice()).unwrap_or_default()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.choices().iter().any(|choice| choice.finish_reason.is_some())
    }

    /// The usage, by any of the names that upstreams have for it; none where it does not say what was written.
    pub(super) fn usage(&self) -> Option<Usage> {
        // Of a list, the elements would be taken for members.
        let usage = self.usage.as_ref()?.get();
        let usage: Counts = usage.starts_with('{').then(|| serde_json::from_str(usage).ok())??;
        let output = number([&usage.completion_tokens, &usage.output_tokens])?;
        Some(Usage { input: number([&usage.prompt_tokens, &usage.input_tokens]).unwrap_or_default(), output })
    }
}

/// A usage, each count by the names that upstreams have for it.
#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<Box<RawValue>>,
    #[serde(default)]
    input_tokens: Option<Box<RawValue>>,
    #[serde(default)]
    completion_tokens: Option<Box<RawValue>>,
    #[serde(default)]
    output_tokens: Option<Box<RawValue>>,
}

/// The first of these that is a count.
fn number(given: [&Option<Box<RawValue>>; 2]) -> Option<u64> {
    given.into_iter().flatten().find_map(|json| count(json.get()))
}

/// A count, as a number or as the text of one. Negative ones say nothing.
fn count(json: &str) -> Option<u64> {
    let whole = |number: f64| (number >= 0.0).then_some(number.ceil() as u64);
    // Nothing longer is a count.
    let value = (json.len() <= MAX_COUNT_BYTES).then(|| serde_json::from_str::<Value>(json).ok())??;
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The longest count, as JSON.
const MAX_COUNT_BYTES: usize = 64;
