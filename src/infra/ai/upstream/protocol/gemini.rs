//! Gemini's `generateContent`, streamed.
//!
//! Its prompt includes what was read from a cache; its candidates exclude the thoughts. A response has no last event: it
//! ends with its finish reason.

use reqwest::header::HeaderName;
use serde::Serialize;
use serde_json::value::RawValue;

use super::object::{Object, texts};
use super::{OwnCall, Reader, Wire, content, unreadable};
use crate::infra::ai::upstream::answer::{Answer, Choice, MessageContent};
use crate::infra::ai::{Message, ReasoningBlock, Role, Usage};

/// Seeds are positive 32-bit numbers.
const SEED_MASK: u64 = 0x7fff_ffff;

/// Gemini's `generateContent`.
#[derive(Clone, Debug, Default)]
pub struct Gemini {
    /// The thinking level, for models that have levels; if `None`, the model's default.
    pub reasoning_effort: Option<String>,
    /// The most model tokens of thoughts, for models that have a budget; 0 for none, -1 for what the model finds right.
    pub thinking_budget: Option<i64>,
}

impl Gemini {
    /// Returns how the model is to think. A hold that pays for less output than usual leaves half of it to the answer.
    fn thinking(&self, max_output: u64) -> Option<ThinkingConfig<'_>> {
        let most = i64::try_from(max_output).unwrap_or(i64::MAX);
        let budget = self.thinking_budget.map(|budget| if budget < most { budget } else { most / 2 });
        let level = self.reasoning_effort.as_deref();
        (budget.is_some() || level.is_some()).then_some(ThinkingConfig {
            include_thoughts: budget != Some(0),
            thinking_budget: budget,
            thinking_level: level,
        })
    }
}

impl Wire for Gemini {
    fn path(&self, model: &str) -> String {
        // Tuned models have a folder of their own.
        let folder = if model.contains('/') { "" } else { "models/" };
        format!("{folder}{model}:streamGenerateContent?alt=sse")
    }

    fn credential(&self, key: &str) -> (HeaderName, String) {
        (HeaderName::from_static("x-goog-api-key"), key.to_owned())
    }

    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>> {
        let (request, sampling) = (call.request, &call.request.sampling);
        // Empty texts are invalid here.
        let said = || request.messages.iter().filter(|message| !message.content.is_empty());
        let system: Vec<_> = said().filter(|message| message.role == Role::System).map(Part::of).collect();
        let contents = said().filter(|message| message.role != Role::System);
        serde_json::to_vec(&GenerateRequest {
            system_instruction: (!system.is_empty()).then_some(Content { role: None, parts: system }),
            contents: contents.map(|message| Content::of(message, call.origin)).collect(),
            generation_config: GenerationConfig {
                max_output_tokens: request.max_output,
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                seed: sampling.seed.map(|seed| seed & SEED_MASK),
                stop_sequences: &sampling.stop,
                thinking_config: self.thinking(request.max_output),
            },
        })
    }

    fn wants_reasoning(&self) -> bool {
        true
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(GenerateReader::default())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerateRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

impl<'a> Content<'a> {
    /// Returns a message. The signature of its thoughts is in a part of its own, as streams have it.
    fn of(message: &'a Message, origin: &str) -> Self {
        let role = if message.role == Role::Assistant { "model" } else { "user" };
        let signature = ReasoningBlock::readable(&message.reasoning, origin).last();
        let signature = signature.map(|signature| Part { text: "", thought_signature: Some(signature) });
        Self { role: Some(role), parts: [Part::of(message)].into_iter().chain(signature).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a RawValue>,
}

impl<'a> Part<'a> {
    fn of(message: &'a Message) -> Self {
        Self { text: &message.content, thought_signature: None }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig<'a> {
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'a str>,
}

/// Reads one response. Each event has the usage so far.
#[derive(Default)]
struct GenerateReader {
    usage: Usage,
}

impl Reader for GenerateReader {
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent {
        let json = json.trim();
        let Some(event) = Object::read(json) else { return unreadable(json, is_error) };
        if is_error || event.get("error").is_some() {
            return MessageContent::Error(event.get("error").unwrap_or(json).to_owned());
        }
        let usage = event.object("usageMetadata").map(|reported| self.note_usage(&reported));
        if event.object("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some()) {
            let end = Some("content_filter".to_owned());
            return content(Choice { end, ..Choice::default() }, usage, true);
        }
        let is_known = event.get("candidates").is_some() || usage.is_some();
        let choices: Vec<_> = event.list("candidates").into_iter().filter_map(|json| candidate(json.get())).collect();
        match choices.is_empty() && usage.is_none() {
            true if is_known || event.get("responseId").is_some() => MessageContent::Nothing,
            true => MessageContent::Unknown,
            false => MessageContent::Answer(Answer { is_usage: choices.is_empty(), choices, usage, is_last: false }),
        }
    }
}

impl GenerateReader {
    /// Notes the counts of an event, and returns the usage so far.
    fn note_usage(&mut self, reported: &Object<'_>) -> Usage {
        let count = |name: &str| reported.count(name).unwrap_or_default();
        let reasoning = count("thoughtsTokenCount");
        let usage = Usage {
            input: count("promptTokenCount").saturating_add(count("toolUsePromptTokenCount")),
            cache_read: count("cachedContentTokenCount"),
            cache_write: 0,
            output: count("candidatesTokenCount").saturating_add(reasoning),
            reasoning,
            images: 0,
        };
        self.usage = self.usage.max(usage.normalized());
        self.usage
    }
}

fn candidate(json: &str) -> Option<Choice> {
    let candidate = Object::read(json)?;
    let mut choice = Choice { index: candidate.count("index").unwrap_or_default(), ..Choice::default() };
    choice.end = Some(candidate.string("finishReason").into_owned()).filter(|reason| !reason.is_empty());
    let parts = candidate.object("content").map(|content| content.list("parts")).unwrap_or_default();
    for json in parts {
        let Some(part) = Object::read(json.get()) else {
            choice.other.push_str(json.get());
            continue;
        };
        // Signatures of calls belong to the calls.
        if part.get("functionCall").is_none() {
            choice.reasoning.blocks.extend(part.get("thoughtSignature").map(str::to_owned));
        }
        match part.get("text") {
            Some(_) if part.is_true("thought") => choice.reasoning.text.push_str(&part.string("text")),
            Some(_) => choice.text.extend(part.text("text")),
            None => {
                let tools = ["functionCall", "executableCode", "codeExecutionResult", "inlineData", "fileData"];
                tools.iter().filter_map(|name| part.get(name)).for_each(|json| choice.other.push_str(&texts(json)));
            }
        }
    }
    Some(choice)
}

#[cfg(test)]
mod tests;
