//! Responses of local models, in OpenAI's shape. Responses of upstreams are passed through, and never built here.

use serde_json::{Map, Value, json};

use crate::core::finish_reason::FinishReason;
use crate::infra::entity::chat;

/// Returns a non-streaming response.
pub(super) fn completion(chat: &chat::Model, text: &str, reasoning: &str) -> Value {
    let mut message = json!({ "role": "assistant", "content": text, "refusal": null });
    if let Some(message) = message.as_object_mut().filter(|_| !reasoning.is_empty()) {
        message.insert("reasoning_content".to_owned(), reasoning.into());
    }
    json!({
        "id": id(chat),
        "object": "chat.completion",
        "created": chat.created_at.timestamp(),
        "model": chat.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(chat),
        }],
        "usage": usage(chat),
    })
}

/// Returns a chunk of a streaming response. If the usage is in the final chunk, all earlier chunks have a null usage.
pub(super) fn part(chat: &chat::Model, delta: &Value, finish_reason: Option<&str>, show_usage: bool) -> Value {
    let choices = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason }]);
    chunk(chat, &choices, show_usage.then_some(Value::Null))
}

/// Returns the final chunk, with the usage, for clients that set `stream_options.include_usage`.
pub(super) fn usage_part(chat: &chat::Model) -> Value {
    chunk(chat, &json!([]), Some(usage(chat)))
}

fn chunk(chat: &chat::Model, choices: &Value, usage: Option<Value>) -> Value {
    let mut chunk = Map::new();
    chunk.insert("id".to_owned(), id(chat).into());
    chunk.insert("object".to_owned(), "chat.completion.chunk".into());
    chunk.insert("created".to_owned(), chat.created_at.timestamp().into());
    chunk.insert("model".to_owned(), chat.model.clone().into());
    chunk.insert("choices".to_owned(), choices.clone());
    if let Some(usage) = usage {
        chunk.insert("usage".to_owned(), usage);
    }
    chunk.into()
}

/// Returns the finish reason. A reply that the caller ended has stopped.
pub(super) fn finish_reason(chat: &chat::Model) -> &'static str {
    match chat.finish_reason {
        Some(FinishReason::Stop) | None => "stop",
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "content_filter",
        Some(FinishReason::ToolCalls) => "tool_calls",
    }
}

fn usage(chat: &chat::Model) -> Value {
    let usage = chat.usage().unwrap_or_default();
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": { "cached_tokens": usage.cache_read },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning },
    })
}

fn id(chat: &chat::Model) -> String {
    format!("chatcmpl-{}", chat.id)
}
