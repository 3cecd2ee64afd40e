//! `[models.NAME.params]`: the rules for request parameters of API calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `[models.NAME.params]`: the rules for request parameters of API calls, which are passed on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Rejected parameters, by name in any spelling, or as `name=value`. Replaces the default list.
    pub reject: Vec<String>,
    /// The allow-list: if it is not empty, every other parameter is rejected.
    pub allow: Vec<String>,
    /// Parameters set in each call, in place of the client's values.
    pub force: BTreeMap<String, serde_json::Value>,
    /// Parameters with a number of choices; their product multiplies a flat price and the hold.
    pub answers: Vec<String>,
    /// The allowed types of tools. Others are run by the upstream, which bills each use.
    pub tools: Vec<String>,
}

impl Default for Params {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            reject: names(REJECTED),
            allow: Vec::new(),
            force: BTreeMap::new(),
            answers: names(&["n"]),
            tools: names(&["function", "custom"]),
        }
    }
}

/// Parameters that produce more at a common type of upstream than the hold pays for. An upstream ignores those that it
/// does not know, and a call with one is an error, so all of them are rejected for every upstream.
const REJECTED: &[&str] = &[
    // Other names of the output limit: llama.cpp, Ollama, Hugging Face TGI, SGLang, Gemini, Anthropic, Cohere.
    "n_predict",
    "num_predict",
    "max_new_tokens",
    "max_length",
    "max_output_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
    "max_decode_steps",
    "max_predict",
    "max_generated_tokens",
    "max_total_tokens",
    "tokens_to_generate",
    "response_length",
    // More output than requested: vLLM, SGLang, TGI.
    "min_tokens",
    "min_new_tokens",
    "min_length",
    "min_completion_tokens",
    "ignore_eos",
    "prompt_logprobs",
    // More choices than `n`.
    "best_of",
    "n_cmpl",
    "num_return_sequences",
    "num_completions",
    "num_generations",
    "num_outputs",
    "num_samples",
    "candidate_count",
    "use_beam_search",
    "beam_width",
    "num_beams",
    // Rejected predictions are billed as output, beyond its limit.
    "prediction",
    // Billed per call, or at a higher price than configured.
    "web_search_options",
    "enable_search",
    "search_parameters",
    "data_sources",
    "plugins",
    "service_tier=priority",
    // Another model, key or address than the configured one: OpenRouter, LiteLLM.
    "models",
    "route",
    "provider",
    "preset",
    "fallbacks",
    "additional_drop_params",
    "drop_params",
    "num_retries",
    "max_retries",
    "vertex_project",
    "vertex_location",
    "vertex_credentials",
    "aws_region_name",
    "mock_tool_calls",
    "lora",
    "lora_path",
    "speculation",
    "context_window_fallback_dict",
    "mock_response",
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "custom_llm_provider",
    "user_config",
    "model_list",
    // Objects that may contain any of these.
    "extra_body",
    "extra_query",
    "extra_headers",
    "options",
    "parameters",
    "generation_config",
    "sampling_params",
    "inference_params",
    // Precedence over other users, or memory for a long time: vLLM, Ollama, llama.cpp.
    "priority",
    "keep_alive",
    "id_slot",
    "chat_template",
];
