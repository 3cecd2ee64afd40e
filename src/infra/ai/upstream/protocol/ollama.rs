//! Ollama's own `/api/chat`: a stream of JSON objects, one a line.

use serde::Serialize;

use super::object::{Object, texts};
use super::{OwnCall, Reader, Wire, content, unreadable};
use crate::infra::ai::upstream::answer::{Choice, MessageContent};
use crate::infra::ai::upstream::sse::Framing;
use crate::infra::ai::{Message, Usage};

/// Ollama's own API.
#[derive(Clone, Debug, Default)]
pub struct Ollama {
    /// Whether and how much the model thinks; if `None`, its default.
    pub think: Option<Think>,
    /// How long the model stays in memory after a request, such as `5m`; if `None`, Ollama's default.
    pub keep_alive: Option<String>,
}

/// Whether and how much a model thinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Think {
    /// Whether it thinks.
    Switch(bool),
    /// How much it thinks, for models that have levels.
    Level(String),
}

impl Wire for Ollama {
    fn path(&self, _model: &str) -> String {
        "api/chat".to_owned()
    }

    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>> {
        let (request, sampling) = (call.request, &call.request.sampling);
        serde_json::to_vec(&ChatRequest {
            model: call.model,
            messages: &request.messages,
            stream: true,
            think: self.think.as_ref(),
            keep_alive: self.keep_alive.as_deref(),
            options: Options {
                num_predict: request.max_output,
                num_ctx: call.context_window,
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                seed: sampling.seed.map(u64::cast_signed),
                stop: &sampling.stop,
            },
        })
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(ChatReader)
    }
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<&'a Think>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<&'a str>,
    options: Options<'a>,
}

#[derive(Serialize)]
struct Options<'a> {
    num_predict: u64,
    /// Without it, Ollama truncates the context to a few thousand model tokens.
    num_ctx: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
}

struct ChatReader;

impl Reader for ChatReader {
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent {
        let json = json.trim();
        let Some(line) = Object::read(json) else { return unreadable(json, is_error) };
        if let Some(error) = line.get("error") {
            return MessageContent::Error(error.to_owned());
        }
        let mut choice = Choice::default();
        if let Some(message) = line.object("message") {
            choice.text = message.text("content");
            choice.reasoning.text = message.string("thinking").into_owned();
            if let Some(calls) = message.get("tool_calls") {
                choice.other = texts(calls);
            }
        }
        let is_done = line.is_true("done");
        if !is_done && line.get("message").is_none() {
            return MessageContent::Unknown;
        }
        if is_done {
            let reason = line.string("done_reason");
            choice.end = Some(if reason.is_empty() { "stop".to_owned() } else { reason.into_owned() });
        }
        content(choice, usage(&line), is_done)
    }
}

fn usage(line: &Object<'_>) -> Option<Usage> {
    let (input, output) = (line.count("prompt_eval_count"), line.count("eval_count"));
    // The input is missing if all of it was in memory.
    output.or(input).map(|_| Usage::of(input.unwrap_or_default(), output.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
