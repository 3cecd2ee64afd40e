//! OpenAI's chat completions: the requests in the local format. Passed-on calls are in `rewrite.rs`, responses in
//! `answer.rs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{OwnCall, Reader, Wire};
use crate::infra::ai::Message;
use crate::infra::ai::upstream::answer::MessageContent;

/// OpenAI's chat completions.
#[derive(Clone, Debug, Default)]
pub struct ChatCompletions {
    /// How much a reasoning model thinks, in the upstream's words; if `None`, its default.
    pub reasoning_effort: Option<String>,
}

impl Wire for ChatCompletions {
    fn path(&self, _model: &str) -> String {
        "chat/completions".to_owned()
    }

    fn body(&self, call: &OwnCall<'_>) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&CompletionRequest {
            model: call.model,
            messages: &call.request.messages,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            reasoning_effort: self.reasoning_effort.as_deref(),
            limit: BTreeMap::from([(call.limit_name, call.request.max_output)]),
        })
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(CompletionReader)
    }
}

#[derive(Serialize)]
struct CompletionRequest<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    /// The output limit, by its name.
    #[serde(flatten)]
    limit: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

struct CompletionReader;

impl Reader for CompletionReader {
    fn read(&mut self, json: &str, is_error: bool) -> MessageContent {
        MessageContent::read(json, is_error)
    }
}
