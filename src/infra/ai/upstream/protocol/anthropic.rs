//! Anthropic's Messages API.
//!
//! Its input tokens exclude what was read from the prompt cache and written to it. The beginning of the context that
//! the next turn repeats is marked for the cache.

use reqwest::header::HeaderName;
use serde::Serialize;
use serde_json::value::RawValue;

use super::object::{Object, texts};
use super::{OwnCall, Reader, Wire, content, of_hidden, of_other, of_reasoning, of_text, unreadable};
use crate::infra::ai::upstream::answer::{Choice, MessageContent};
use crate::infra::ai::{Message, ReasoningBlock, Role, Usage};

/// The smallest thinking budget that the API accepts.
const MIN_THINKING_BUDGET: u64 = 1024;
/// The highest temperature of the API; others have 2.
const MAX_TEMPERATURE: f64 = 1.0;

/// Anthropic's Messages API.
#[derive(Clone, Debug, Default)]
pub struct Anthropic {
    /// How much a model with adaptive thinking thinks; if `None`, and without a budget, thinking is not requested.
    pub reasoning_effort: Option<String>,
    /// The most model tokens of thinking, within the output limit; for models without adaptive thinking.
    pub thinking_budget: Option<u64>,
}

impl Anthropic {
    /// Returns how the model is to think. A hold that pays for less output than usual leaves half of it to the answer.
    fn thinking(&self, max_output: u64) -> Option<Thinking> {
        if let Some(budget) = self.thinking_budget {
            let budget_tokens = if budget < max_output { budget } else { max_output / 2 };
            return (budget_tokens >= MIN_THINKING_BUDGET).then_some(Thinking::Enabled { budget_tokens });
        }
        self.reasoning_effort.as_ref().map(|_| Thinking::Adaptive { display: "summarized" })
    }

    fn thinks(&self) -> bool {
        self.thinking_budget.is_some() || self.reasoning_effort.is_some()
    }
}

impl Wire for Anthropic {
    fn path(&self, _model: &str) -> String {
        "messages".to_owned()
    }

    fn credential(&self, key: &str) -> (HeaderName, String) {
        (HeaderName::from_static("x-api-key"), key.to_owned())
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>> {
        let (request, sampling) = (call.request, &call.request.sampling);
        // Empty texts are invalid here.
        let said = || request.messages.iter().filter(|message| !message.content.is_empty());
        let mut system: Vec<_> =
            said().filter(|message| message.role == Role::System).map(|message| Block::of(&message.content)).collect();
        let mut messages: Vec<_> = said()
            .filter(|message| message.role != Role::System)
            .map(|message| Turn::of(message, call.origin))
            .collect();
        mark_for_cache(&mut system, &mut messages);
        let thinking = self.thinking(request.max_output);
        // A thinking model samples in its own way.
        let samples = !self.thinks();
        serde_json::to_vec(&MessagesRequest {
            model: call.model,
            max_tokens: request.max_output,
            stream: true,
            system,
            messages,
            output_config: self
                .reasoning_effort
                .as_deref()
                .filter(|_| self.thinking_budget.is_none())
                .map(|effort| OutputConfig { effort }),
            thinking,
            temperature: sampling.temperature.filter(|_| samples).map(|value| value.min(MAX_TEMPERATURE)),
            top_p: sampling.top_p.filter(|_| samples),
            stop_sequences: &sampling.stop,
        })
    }

    fn wants_reasoning(&self) -> bool {
        self.thinks()
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(MessagesReader::default())
    }

    fn supports(&self, parameter: &str) -> bool {
        match parameter {
            "temperature" | "top_p" => !self.thinks(),
            "stop" => true,
            _ => false,
        }
    }
}

/// Marks the end of what the next turn repeats: the system prompt, and the messages before the newest one of the user.
fn mark_for_cache<'a>(system: &mut [Block<'a>], messages: &mut [Turn<'a>]) {
    let newest = messages.iter().rposition(|turn| turn.role == Role::User).unwrap_or_default();
    let before = newest.checked_sub(1).and_then(|last| messages.get_mut(last));
    let marked = before.and_then(|turn| turn.content.last_mut());
    let marked = marked.and_then(|block| match block {
        Part::Text(block) => Some(block),
        Part::Thinking(_) => None,
    });
    for block in marked.into_iter().chain(system.last_mut()) {
        block.cache_control = Some(CacheControl { kind: "ephemeral" });
    }
}

#[derive(Serialize)]
struct MessagesRequest<'a> {
    model: &'a str,
    max_tokens: u64,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
struct Turn<'a> {
    role: Role,
    content: Vec<Part<'a>>,
}

impl<'a> Turn<'a> {
    /// Returns a message, with its thinking blocks before the text.
    fn of(message: &'a Message, origin: &str) -> Self {
        let thinking = ReasoningBlock::readable(&message.reasoning, origin).map(Part::Thinking);
        Self { role: message.role, content: thinking.chain([Part::Text(Block::of(&message.content))]).collect() }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Thinking(&'a RawValue),
    Text(Block<'a>),
}

#[derive(Serialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

impl<'a> Block<'a> {
    fn of(text: &'a str) -> Self {
        Self { kind: "text", text, cache_control: None }
    }
}

#[derive(Serialize)]
struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Thinking {
    Enabled { budget_tokens: u64 },
    Adaptive { display: &'static str },
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    effort: &'a str,
}

/// Reads one response. Its counts arrive in parts, each cumulative.
#[derive(Default)]
struct MessagesReader {
    /// The input, without what belongs to the cache.
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
    /// The thinking block that is being received.
    thinking: Option<ThinkingBlock>,
}

/// A thinking block, as it is sent back.
#[derive(Serialize)]
#[serde(tag = "type", rename = "thinking")]
struct ThinkingBlock {
    thinking: String,
    signature: String,
}

impl Reader for MessagesReader {
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent {
        let json = json.trim();
        let Some(event) = Object::read(json) else { return unreadable(json, is_error) };
        match &*event.string("type") {
            "message_start" => {
                let usage = event.object("message").and_then(|message| self.note_usage(&message));
                // The output that it reports has not been generated yet.
                self.output = 0;
                content(Choice::default(), usage.map(|usage| Usage { output: 0, reasoning: 0, ..usage }), false)
            }
            "content_block_start" => {
                let begun = event.get("content_block");
                self.thinking = begun.and_then(thinking_block);
                content(begun.map(block).unwrap_or_default(), None, false)
            }
            "content_block_delta" => {
                let delta = event.object("delta");
                if let Some((delta, thinking)) = delta.as_ref().zip(self.thinking.as_mut()) {
                    thinking.thinking.push_str(&delta.string("thinking"));
                    thinking.signature.push_str(&delta.string("signature"));
                }
                content(delta.map(continued).unwrap_or_default(), None, false)
            }
            "content_block_stop" if !is_error => {
                // Without a signature it is not accepted.
                let thinking = self.thinking.take().filter(|thinking| !thinking.signature.is_empty());
                let block = thinking.and_then(|thinking| serde_json::to_string(&thinking).ok());
                content(of_hidden(String::new(), block), None, false)
            }
            "message_delta" => {
                let end = event.object("delta").and_then(|delta| end(&delta));
                let usage = self.note_usage(&event);
                content(Choice { end, ..Choice::default() }, usage, false)
            }
            "message_stop" => MessageContent::Done,
            "ping" if !is_error => MessageContent::Nothing,
            // A whole response.
            "message" => self.whole(&event),
            kind if kind == "error" || is_error || event.get("error").is_some() => {
                MessageContent::Error(event.get("error").unwrap_or(json).to_owned())
            }
            _ => MessageContent::Unknown,
        }
    }
}

impl MessagesReader {
    fn whole(&mut self, message: &Object<'_>) -> MessageContent {
        let mut choice = Choice { end: end(message), ..Choice::default() };
        for part in message.list("content") {
            let signed = thinking_block(part.get()).is_some_and(|thinking| !thinking.signature.is_empty());
            if signed {
                choice.reasoning.blocks.push(part.get().to_owned());
            }
            let part = block(part.get());
            choice.reasoning.blocks.extend(part.reasoning.blocks);
            choice.text.extend(part.text);
            choice.other.push_str(&part.other);
            choice.reasoning.text.push_str(&part.reasoning.text);
            choice.reasoning.hidden.push_str(&part.reasoning.hidden);
        }
        content(choice, self.note_usage(message), true)
    }

    /// Notes the counts of an event, and returns the usage so far.
    fn note_usage(&mut self, event: &Object<'_>) -> Option<Usage> {
        let usage = event.object("usage")?;
        let count = |name: &str| usage.count(name).unwrap_or_default();
        let by_lifetime = usage.object("cache_creation").map_or(0, |created| {
            ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]
                .iter()
                .filter_map(|name| created.count(name))
                .fold(0, u64::saturating_add)
        });
        self.input = self.input.max(count("input_tokens"));
        self.cache_read = self.cache_read.max(count("cache_read_input_tokens"));
        self.cache_write = self.cache_write.max(count("cache_creation_input_tokens")).max(by_lifetime);
        self.output = self.output.max(count("output_tokens"));
        let thought = usage.object("output_tokens_details").and_then(|details| details.count("thinking_tokens"));
        self.reasoning = self.reasoning.max(thought.unwrap_or_default());
        let usage = Usage {
            input: self.input.saturating_add(self.cache_read).saturating_add(self.cache_write),
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            output: self.output,
            reasoning: self.reasoning,
            images: 0,
        };
        Some(usage.normalized())
    }
}

/// Reads a content block: whole, or the beginning of one.
fn block(json: &str) -> Choice {
    let Some(block) = Object::read(json) else { return of_other(json.to_owned()) };
    match &*block.string("type") {
        "text" => of_text(block.text("text")),
        "thinking" => of_reasoning(block.string("thinking").into_owned()),
        "redacted_thinking" => of_hidden(block.string("data").into_owned(), Some(json.to_owned())),
        _ => of_other(texts(json)),
    }
}

/// Reads the beginning of a thinking block, or a whole one; `None` for any other.
fn thinking_block(json: &str) -> Option<ThinkingBlock> {
    let block = Object::read(json).filter(|block| &*block.string("type") == "thinking")?;
    let (thinking, signature) = (block.string("thinking").into_owned(), block.string("signature").into_owned());
    Some(ThinkingBlock { thinking, signature })
}

/// Reads the continuation of a content block.
fn continued(delta: Object<'_>) -> Choice {
    match &*delta.string("type") {
        "text_delta" => of_text(delta.text("text")),
        "thinking_delta" => of_reasoning(delta.string("thinking").into_owned()),
        "input_json_delta" => of_other(delta.string("partial_json").into_owned()),
        // Citations, and signatures, which belong to the block.
        _ => Choice::default(),
    }
}

fn end(message: &Object<'_>) -> Option<String> {
    Some(message.string("stop_reason").into_owned()).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests;
