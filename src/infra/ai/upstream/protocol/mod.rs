//! The protocols of remote services: how a request is written, and how a response is read. Everything else about a call
//! (time-outs, retries, failover, bounds, redaction) is the same for all of them, and not here.

mod anthropic;
mod chat_completions;
mod gemini;
mod object;
mod ollama;
mod responses;

use reqwest::header::{AUTHORIZATION, HeaderName};

pub use self::anthropic::Anthropic;
pub use self::chat_completions::ChatCompletions;
pub use self::gemini::Gemini;
pub use self::ollama::{Ollama, Think};
pub use self::responses::Responses;
use super::answer::{Answer, Choice, MessageContent, Reasoning};
use super::sse::Framing;
use crate::infra::ai::{Request, Usage};

/// The protocol of a model's upstreams, with the settings that only it has.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// OpenAI's chat completions, the protocol of most compatible services.
    ChatCompletions(ChatCompletions),
    /// OpenAI's Responses.
    Responses(Responses),
    /// Anthropic's Messages.
    Anthropic(Anthropic),
    /// Gemini's `generateContent`.
    Gemini(Gemini),
    /// Ollama's own `/api/chat`.
    Ollama(Ollama),
}

impl Protocol {
    /// Returns what the protocol writes and reads.
    pub(super) fn wire(&self) -> &dyn Wire {
        match self {
            Self::ChatCompletions(wire) => wire,
            Self::Responses(wire) => wire,
            Self::Anthropic(wire) => wire,
            Self::Gemini(wire) => wire,
            Self::Ollama(wire) => wire,
        }
    }
}

/// A request in the local format, for one upstream.
pub(super) struct OwnCall<'a> {
    /// The upstream's name of the model.
    pub(super) model: &'a str,
    pub(super) request: &'a Request,
    /// The name of the output limit, where a protocol has more than one.
    pub(super) limit_name: &'static str,
    /// The origin of the reasoning blocks that the upstream can read.
    pub(super) origin: &'a str,
    /// The context window in model tokens.
    pub(super) context_window: u64,
}

/// What a protocol writes and reads.
pub(super) trait Wire: Send + Sync {
    /// Returns the path of a request, below the base URL.
    fn path(&self, model: &str) -> String;

    /// Returns the header with the API key.
    fn credential(&self, key: &str) -> (HeaderName, String) {
        (AUTHORIZATION, format!("Bearer {key}"))
    }

    /// Returns further headers of each request.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Returns the body of a request. The texts are borrowed, and copied once, into the body. Those of earlier messages
    /// are written the same way in each turn, so that prompt caches find them.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>>;

    /// Returns how a streamed response is split into events.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// Returns the reader of one response.
    fn reader(&self) -> Box<dyn Reader>;

    /// Returns whether reasoning is sent back with the replies.
    fn wants_reasoning(&self) -> bool {
        false
    }

    /// Returns whether a request can have this sampling parameter, by its name at OpenAI.
    fn supports(&self, _parameter: &str) -> bool {
        true
    }
}

/// Reads one response, event by event.
pub(super) trait Reader: Send {
    /// Reads the data of an event, or a whole body. `is_error` if the event has that name. What has no content is
    /// [`MessageContent::Nothing`], so that it counts as a keep-alive.
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent;
}

/// Returns data that are no object of the protocol: an error, by the name of its event, or nothing that can be read.
fn unreadable(json: &str, is_error: bool) -> MessageContent {
    match json {
        "" | "null" => MessageContent::Nothing,
        "[DONE]" => MessageContent::Done,
        json if is_error => MessageContent::Error(json.to_owned()),
        _ => MessageContent::Unknown,
    }
}

/// Returns the content of a single choice; nothing, if it is empty.
fn content(choice: Choice, usage: Option<Usage>, is_last: bool) -> MessageContent {
    let is_empty =
        choice.text.is_empty() && choice.other.is_empty() && choice.reasoning.is_empty() && choice.end.is_none();
    let is_empty = is_empty && choice.reasoning.blocks.is_empty();
    if is_empty && usage.is_none() && !is_last {
        return MessageContent::Nothing;
    }
    let choices = if is_empty { Vec::new() } else { vec![choice] };
    MessageContent::Answer(Answer { is_usage: choices.is_empty() && usage.is_some(), choices, usage, is_last })
}

fn of_text(text: Vec<u8>) -> Choice {
    Choice { text, ..Choice::default() }
}

fn of_other(other: String) -> Choice {
    Choice { other, ..Choice::default() }
}

fn of_reasoning(text: String) -> Choice {
    Choice { reasoning: Reasoning { text, ..Reasoning::default() }, ..Choice::default() }
}

/// Returns encrypted reasoning, with the block in which it is sent back.
fn of_hidden(hidden: String, block: Option<String>) -> Choice {
    let blocks = block.into_iter().collect();
    Choice { reasoning: Reasoning { hidden, blocks, ..Reasoning::default() }, ..Choice::default() }
}

#[cfg(test)]
mod tests;
