//! The kinds of services: how each says the same.

use jeton::infra::ai::upstream::{Anthropic, ChatCompletions, Gemini, Ollama, Protocol, Remote, Responses};
use serde_json::{Value, json};

use super::double::{Double, Script};
use crate::support::openai_with;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Openai,
    Responses,
    Anthropic,
    Gemini,
    Ollama,
}

pub const KINDS: [Kind; 5] = [Kind::Openai, Kind::Responses, Kind::Anthropic, Kind::Gemini, Kind::Ollama];

impl Kind {
    pub fn of_folder(name: &str) -> Self {
        KINDS.into_iter().find(|kind| format!("{kind:?}").eq_ignore_ascii_case(name)).unwrap()
    }

    pub fn protocol(self) -> Protocol {
        match self {
            Self::Openai => Protocol::ChatCompletions(ChatCompletions::default()),
            Self::Responses => Protocol::Responses(Responses::default()),
            Self::Anthropic => Protocol::Anthropic(Anthropic::default()),
            Self::Gemini => Protocol::Gemini(Gemini::default()),
            Self::Ollama => Protocol::Ollama(Ollama::default()),
        }
    }

    /// Returns a provider of these services, called in this order.
    pub fn provider(self, doubles: &[&Double], retries: u32) -> Remote {
        let urls: Vec<_> = doubles.iter().map(|double| double.url.as_str()).collect();
        openai_with(&urls, retries, |settings| settings.protocol = self.protocol())
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Openai => "/base/chat/completions",
            Self::Responses => "/base/responses",
            Self::Anthropic => "/base/messages",
            Self::Gemini => "/base/models/gpt-test:streamGenerateContent?alt=sse",
            Self::Ollama => "/base/api/chat",
        }
    }

    /// Returns the header with the API key, and its value.
    pub fn credential(self) -> (&'static str, &'static str) {
        match self {
            Self::Anthropic => ("x-api-key", "sk-secret"),
            Self::Gemini => ("x-goog-api-key", "sk-secret"),
            Self::Openai | Self::Responses | Self::Ollama => ("authorization", "Bearer sk-secret"),
        }
    }

    pub fn event(self, json: &Value) -> String {
        match self {
            Self::Ollama => format!("{json}\n"),
            Self::Anthropic | Self::Responses => {
                format!("event: {}\ndata: {json}\n\n", json["type"].as_str().unwrap())
            }
            Self::Openai | Self::Gemini => format!("data: {json}\n\n"),
        }
    }

    /// Returns what precedes the text.
    pub fn begin(self) -> String {
        match self {
            Self::Anthropic => self.event(&json!({ "type": "message_start",
                "message": { "type": "message", "usage": { "input_tokens": 7, "output_tokens": 1 } } })),
            Self::Responses => {
                self.event(&json!({ "type": "response.created", "response": { "status": "in_progress" } }))
            }
            _ => String::new(),
        }
    }

    /// Returns the event with this text.
    pub fn piece(self, text: &str) -> String {
        self.event(&match self {
            Self::Openai => json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }),
            Self::Responses => json!({ "type": "response.output_text.delta", "delta": text }),
            Self::Anthropic => {
                json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } })
            }
            Self::Gemini => json!({ "candidates": [{ "content": { "parts": [{ "text": text }], "role": "model" } }] }),
            Self::Ollama => json!({ "message": { "role": "assistant", "content": text }, "done": false }),
        })
    }

    /// Returns the event with this thought.
    pub fn thought(self, text: &str) -> String {
        self.event(&match self {
            Self::Openai => json!({ "choices": [{ "index": 0, "delta": { "reasoning_content": text } }] }),
            Self::Responses => json!({ "type": "response.reasoning_summary_text.delta", "delta": text }),
            Self::Anthropic => json!({ "type": "content_block_delta", "index": 0,
                "delta": { "type": "thinking_delta", "thinking": text } }),
            Self::Gemini => json!({ "candidates": [{ "content": { "parts": [{ "text": text, "thought": true }] } }] }),
            Self::Ollama => {
                json!({ "message": { "role": "assistant", "content": "", "thinking": text }, "done": false })
            }
        })
    }

    /// Returns the end: seven model tokens were read and three written.
    pub fn end(self, is_at_limit: bool) -> String {
        let reason = |stop: &'static str, length: &'static str| if is_at_limit { length } else { stop };
        match self {
            Self::Openai => {
                self.event(
                    &json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason("stop", "length") }] }),
                ) + &self.event(&json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } }))
                    + "data: [DONE]\n\n"
            }
            Self::Responses => {
                let kind = reason("completed", "incomplete");
                let details = if is_at_limit { json!({ "reason": "max_output_tokens" }) } else { Value::Null };
                self.event(&json!({ "type": format!("response.{kind}"), "response": { "status": kind,
                    "incomplete_details": details, "usage": { "input_tokens": 7, "output_tokens": 3 } } }))
            }
            Self::Anthropic => {
                self.event(&json!({ "type": "message_delta", "usage": { "output_tokens": 3 },
                    "delta": { "stop_reason": reason("end_turn", "max_tokens") } }))
                    + &self.event(&json!({ "type": "message_stop" }))
            }
            Self::Gemini => self.event(&json!({ "candidates": [{ "finishReason": reason("STOP", "MAX_TOKENS") }],
                "usageMetadata": { "promptTokenCount": 7, "candidatesTokenCount": 3 } })),
            Self::Ollama => self.event(&json!({ "message": { "role": "assistant", "content": "" }, "done": true,
                "done_reason": reason("stop", "length"), "prompt_eval_count": 7, "eval_count": 3 })),
        }
    }

    /// Returns an error in the middle of a stream.
    pub fn error(self) -> String {
        self.event(&match self {
            Self::Openai => json!({ "error": { "message": "sk-secret overloaded" } }),
            Self::Responses => json!({ "type": "error", "code": "server_error", "message": "sk-secret overloaded" }),
            Self::Anthropic => {
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "sk-secret overloaded" } })
            }
            Self::Gemini => json!({ "error": { "code": 503, "message": "sk-secret overloaded" } }),
            Self::Ollama => json!({ "error": "sk-secret overloaded" }),
        })
    }

    /// Returns a whole reply.
    pub fn whole(self, text: &str) -> Script {
        self.stream(&[&self.begin(), &self.piece(text), &self.end(false)])
    }

    pub fn stream(self, events: &[&str]) -> Script {
        let chunks = events.iter().filter(|event| !event.is_empty()).map(|event| event.as_bytes().to_vec());
        let kind = if self == Self::Ollama { "application/x-ndjson" } else { "text/event-stream" };
        Script { status: 200, kind, chunks: chunks.collect(), then_hang: false }
    }

    /// Returns the context of a request: the roles, in the same words for each kind, and the texts.
    pub fn context(self, body: &str) -> Vec<(String, String)> {
        let body: Value = serde_json::from_str(body).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |message: &Value| {
            let content = ["content", "parts"].iter().map(|name| &message[*name]).find(|value| !value.is_null());
            match content.unwrap() {
                Value::Array(parts) => parts.iter().map(|part| part["text"].as_str().unwrap()).collect(),
                content => content.as_str().unwrap().to_owned(),
            }
        };
        let system = match self {
            Self::Anthropic => list(&body["system"]),
            Self::Gemini => list(&body["systemInstruction"]["parts"]),
            _ => Vec::new(),
        };
        let system = system.iter().map(|part| ("system".to_owned(), part["text"].as_str().unwrap().to_owned()));
        let messages = ["messages", "input", "contents"].iter().map(|name| &body[*name]).find(|list| list.is_array());
        let messages = list(messages.unwrap());
        let messages = messages.iter().map(|message| {
            let role = message["role"].as_str().unwrap();
            (if role == "model" { "assistant" } else { role }.to_owned(), text(message))
        });
        system.chain(messages).collect()
    }

    /// Returns the bytes of a request up to the end of its last message, without marks for a cache.
    pub fn prefix(self, body: &str) -> String {
        let body = body.replace(r#","cache_control":{"type":"ephemeral"}"#, "");
        let start =
            ["\"messages\":[", "\"input\":[", "\"contents\":["].iter().find_map(|name| body.find(name)).unwrap();
        // No text of these tests contains a bracket; parts of a message are in brackets of their own.
        let end = body[start..].match_indices(']').map(|(place, _)| start + place);
        let is_end = |place: &usize| !body[*place..].starts_with("]}]") && !body[*place..].starts_with("]},");
        body[..end.into_iter().find(is_end).unwrap()].to_owned()
    }

    /// Returns the output limit of a request.
    pub fn limit(self, body: &str) -> u64 {
        let body: Value = serde_json::from_str(body).unwrap();
        let limit = match self {
            Self::Openai | Self::Anthropic => &body["max_tokens"],
            Self::Responses => &body["max_output_tokens"],
            Self::Gemini => &body["generationConfig"]["maxOutputTokens"],
            Self::Ollama => &body["options"]["num_predict"],
        };
        limit.as_u64().unwrap_or_else(|| panic!("no limit: {body}"))
    }
}
