//! OpenAI's Responses API.
//!
//! Its usage is complete: the input includes what was read from the cache, the output the reasoning. Nothing is stored
//! at the provider.

use serde::Serialize;
use serde_json::value::RawValue;

use super::object::{Object, texts};
use super::{OwnCall, Reader, Wire, content, of_hidden, of_other, of_reasoning, of_text, unreadable};
use crate::infra::ai::upstream::answer::{Choice, MessageContent};
use crate::infra::ai::{Message, ReasoningBlock, Usage};

/// What separates two parts of a summary.
const PARAGRAPH: &str = "\n\n";

/// OpenAI's Responses API.
#[derive(Clone, Debug, Default)]
pub struct Responses {
    /// How much a reasoning model thinks, which then also summarizes its reasoning; if `None`, its default.
    pub reasoning_effort: Option<String>,
}

impl Wire for Responses {
    fn path(&self, _model: &str) -> String {
        "responses".to_owned()
    }

    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>> {
        let (request, sampling) = (call.request, &call.request.sampling);
        let effort = self.reasoning_effort.as_deref();
        serde_json::to_vec(&ResponseRequest {
            model: call.model,
            input: request.messages.iter().flat_map(|message| Item::of(message, call.origin)).collect(),
            stream: true,
            store: false,
            max_output_tokens: request.max_output,
            reasoning: effort.map(|effort| ReasoningConfig { effort, summary: "auto" }),
            // Models without reasoning reject it.
            include: if effort.is_some() { &["reasoning.encrypted_content"] } else { &[] },
            temperature: sampling.temperature,
            top_p: sampling.top_p,
        })
    }

    fn wants_reasoning(&self) -> bool {
        self.reasoning_effort.is_some()
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(ResponseReader::default())
    }

    fn supports(&self, parameter: &str) -> bool {
        matches!(parameter, "temperature" | "top_p")
    }
}

#[derive(Serialize)]
struct ResponseRequest<'a> {
    model: &'a str,
    input: Vec<Item<'a>>,
    stream: bool,
    store: bool,
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningConfig<'a>>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Reasoning(&'a RawValue),
    Message(&'a Message),
}

impl<'a> Item<'a> {
    /// Returns a message, after its reasoning.
    fn of(message: &'a Message, origin: &str) -> impl Iterator<Item = Self> {
        let reasoning = ReasoningBlock::readable(&message.reasoning, origin).map(Self::Reasoning);
        reasoning.chain([Self::Message(message)])
    }
}

#[derive(Serialize)]
struct ReasoningConfig<'a> {
    effort: &'a str,
    summary: &'static str,
}

/// Reads one response. Its last event repeats all of its output.
#[derive(Default)]
struct ResponseReader {
    has_output: bool,
    has_summary: bool,
    has_reasoning: bool,
    has_call: bool,
}

impl Reader for ResponseReader {
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent {
        let json = json.trim();
        let Some(event) = Object::read(json) else { return unreadable(json, is_error) };
        let kind = event.string("type");
        match &*kind {
            "error" => MessageContent::Error(event.get("error").unwrap_or(json).to_owned()),
            _ if is_error => MessageContent::Error(json.to_owned()),
            "response.output_text.delta" => self.output(of_text(event.text("delta"))),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                (self.has_summary, self.has_reasoning) = (true, true);
                content(of_reasoning(event.string("delta").into_owned()), None, false)
            }
            "response.reasoning_summary_part.added" if self.has_summary => {
                content(of_reasoning(PARAGRAPH.to_owned()), None, false)
            }
            "response.refusal.delta"
            | "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta"
            | "response.mcp_call_arguments.delta"
            | "response.code_interpreter_call_code.delta" => self.output(of_other(event.string("delta").into_owned())),
            "response.output_item.added" => self.item_begins(&event),
            "response.output_item.done" => {
                let hidden = event.get("item").map(hidden).unwrap_or_default();
                self.has_reasoning |= !hidden.reasoning.is_empty();
                content(hidden, None, false)
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                event.object("response").map_or(MessageContent::Unknown, |response| self.last(&response, json))
            }
            kind if kind.starts_with("response.") => MessageContent::Nothing,
            // A whole response.
            _ if &*event.string("object") == "response" => self.last(&event, json),
            _ if event.get("error").is_some() => MessageContent::Error(event.get("error").unwrap_or(json).to_owned()),
            "keepalive" => MessageContent::Nothing,
            _ => MessageContent::Unknown,
        }
    }
}

impl ResponseReader {
    fn output(&mut self, choice: Choice) -> MessageContent {
        self.has_output = true;
        content(choice, None, false)
    }

    /// Reads the beginning of an item: the name of a tool that is called.
    fn item_begins(&mut self, event: &Object<'_>) -> MessageContent {
        let Some(item) = event.object("item") else { return MessageContent::Nothing };
        if !item.string("type").ends_with("_call") {
            return MessageContent::Nothing;
        }
        self.has_call = true;
        self.output(of_other(item.string("name").into_owned()))
    }

    /// Reads the whole response: its end and its usage, and its output unless it was streamed before.
    fn last(&mut self, response: &Object<'_>, json: &str) -> MessageContent {
        let status = response.string("status");
        if matches!(&*status, "failed" | "cancelled") {
            return MessageContent::Error(response.get("error").unwrap_or(json).to_owned());
        }
        let mut choice = Choice::default();
        if !self.has_output {
            for item in response.list("output") {
                self.read_item(item.get(), &mut choice);
            }
        }
        let reason = response.object("incomplete_details").map(|details| details.string("reason").into_owned());
        let complete = if self.has_call { "tool_calls" } else { "stop" };
        choice.end = match &*status {
            "incomplete" => Some(reason.unwrap_or_else(|| "incomplete".to_owned())),
            _ => Some(complete.to_owned()),
        };
        content(choice, response.object("usage").map(|reported| usage(&reported)), true)
    }

    fn read_item(&mut self, json: &str, choice: &mut Choice) {
        let Some(item) = Object::read(json) else { return };
        match &*item.string("type") {
            "message" => {
                for part in item.list("content").into_iter().filter_map(|part| Object::read(part.get())) {
                    choice.text.extend(part.text("text"));
                    choice.other.push_str(&part.string("refusal"));
                }
            }
            "reasoning" if self.has_reasoning => {}
            "reasoning" => {
                for part in item.list("summary").into_iter().filter_map(|part| Object::read(part.get())) {
                    if !choice.reasoning.text.is_empty() {
                        choice.reasoning.text.push_str(PARAGRAPH);
                    }
                    choice.reasoning.text.push_str(&part.string("text"));
                }
                choice.reasoning.hidden.push_str(&item.string("encrypted_content"));
                choice.reasoning.blocks.extend(reasoning_block(&item));
            }
            _ => {
                self.has_call = true;
                choice.other.push_str(&texts(json));
            }
        }
    }
}

/// Returns the encrypted reasoning of an item that is complete.
fn hidden(item: &str) -> Choice {
    let item = Object::read(item).filter(|item| &*item.string("type") == "reasoning");
    let hidden = |item: Object<'_>| of_hidden(item.string("encrypted_content").into_owned(), reasoning_block(&item));
    item.map(hidden).unwrap_or_default()
}

/// Returns a reasoning item as it is sent back. Without its id, since the provider has stored no item to look up.
fn reasoning_block(item: &Object<'_>) -> Option<String> {
    let encrypted = item.get("encrypted_content").filter(|json| *json != "\"\"")?;
    let summary = item.get("summary").unwrap_or("[]");
    Some(format!("{{\"type\":\"reasoning\",\"summary\":{summary},\"encrypted_content\":{encrypted}}}"))
}

fn usage(reported: &Object<'_>) -> Usage {
    let count = |name: &str| reported.count(name).unwrap_or_default();
    let detail =
        |object: &str, name: &str| reported.object(object).and_then(|details| details.count(name)).unwrap_or_default();
    Usage {
        input: count("input_tokens"),
        cache_read: detail("input_tokens_details", "cached_tokens"),
        cache_write: 0,
        output: count("output_tokens"),
        reasoning: detail("output_tokens_details", "reasoning_tokens"),
        images: 0,
    }
    .normalized()
}

#[cfg(test)]
mod tests;
