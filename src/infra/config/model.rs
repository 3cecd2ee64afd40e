//! `[models.NAME]`: the provider of a model, and its price.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::addresses::{as_public_url, as_public_url_if_any};
use super::params::Params;
use super::price::Price;
use super::provider::{self, Provider};
use crate::core::error::{Code, Error};

/// Maximum length of a model's title, in characters.
const MAX_TITLE_CHARS: usize = 80;
/// Maximum length of a model's description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 300;

/// `[models.NAME]`. Flat, so that an unknown key is rejected by name; [`Model::check`] checks the keys that a provider
/// needs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The type of the provider.
    pub provider: Provider,
    /// The title that people see in place of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the model is good for, in a sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The price.
    pub price: Price,
    /// The maximum output in model tokens.
    #[serde(default = "default_max_output")]
    pub max_output: u64,
    /// `local`: the GGUF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// `local`: the maximum number of queued requests.
    #[serde(default = "default_max_queued")]
    pub max_queued: usize,
    /// The maximum number of concurrent messages; 0 for no limit.
    #[serde(default)]
    pub max_concurrent: usize,
    /// Remote: the base URL, without the path of a request such as `/chat/completions`; if `None`, that of the official
    /// service.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_public_url_if_any")]
    pub base_url: Option<String>,
    /// Remote: the environment variable with the API key; if `None`, none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Remote: the upstream's name of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_model: Option<String>,
    /// Remote: the maximum number of retries of a request that failed before its first byte.
    #[serde(default = "default_max_retries")]
    pub max_retries: u32,
    /// Remote: the context window, input and output together, in model tokens.
    #[serde(default = "default_context_window")]
    pub context_window: u64,
    /// `openai`: the maximum input of an image, in model tokens.
    #[serde(default = "default_units_per_image")]
    pub units_per_image: u64,
    /// `openai`: the only parameter name that the upstream accepts for the output limit. The other name in a call is
    /// renamed to it. If `None`, the name in the call is kept, and `max_tokens` is sent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_param: Option<MaxTokensParam>,
    /// Remote: the cool-down of an upstream that failed several times in a row (circuit open).
    #[serde(default = "default_circuit_cooldown", with = "humantime_serde")]
    pub circuit_cooldown: Duration,
    /// Remote: the timeout of connecting; 10 seconds if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub connect_timeout: Option<Duration>,
    /// Remote: the timeout from a request to the first byte of its response; that of the turn if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub first_byte_timeout: Option<Duration>,
    /// Remote: the timeout between two parts of a response; that of the turn if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub idle_timeout: Option<Duration>,
    /// How much a reasoning model thinks, in the upstream's words, such as `low` or `high`. If `None`, its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// `anthropic`, `gemini`: the most model tokens of thinking, within `max_output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<i64>,
    /// `ollama`: whether the model thinks. If `None`, its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<bool>,
    /// `ollama`: how long the model stays in memory after a request, such as `5m`. If `None`, Ollama's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<String>,
    /// `openai`: the rules for request parameters of API calls, which are passed on.
    #[serde(default)]
    pub params: Params,
    /// Remote: fallback upstreams with the same protocol, tried in this order when those before them fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Upstream>,
}

/// The parameter names of the output limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensParam {
    /// The older name, which every compatible server accepts.
    MaxTokens,
    /// The newer name, which OpenAI's reasoning models require.
    MaxCompletionTokens,
}

/// An upstream of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The base URL, without the path of a request.
    #[serde(serialize_with = "as_public_url")]
    pub base_url: String,
    /// The environment variable with the API key; if `None`, none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The upstream's name of the model.
    pub upstream_model: String,
}

impl Model {
    /// Checks that the values are consistent. The error has the key and the reason.
    pub(super) fn check(&self) -> Result<(), String> {
        let missing = match self.provider {
            Provider::Local => [("path", self.path.is_none())].to_vec(),
            Provider::Echo => Vec::new(),
            _ => [("base_url", self.first_base_url().is_none()), ("upstream_model", self.upstream_model.is_none())]
                .to_vec(),
        };
        if let Some((key, _)) = missing.iter().find(|(_, missing)| *missing) {
            return Err(format!(": `{key}` is missing"));
        }
        for (key, text, most) in
            [("title", &self.title, MAX_TITLE_CHARS), ("description", &self.description, MAX_DESCRIPTION_CHARS)]
        {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.chars().count() > most || text.contains(char::is_control) {
                return Err(format!(".{key}: 1 to {most} characters in one line"));
            }
        }
        self.price.check().map_err(|error| format!(".price: {error}"))?;
        let reserved = ["model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"];
        let mut forced = self.params.force.keys();
        let is_reserved = |name: &&String| reserved.contains(&name.as_str()) || self.params.answers.contains(name);
        if let Some(name) = forced.find(is_reserved) {
            return Err(format!(".params.force: `{name}` is set from the hold or the call, and can't be forced"));
        }
        for (key, value) in [("max_output", self.max_output), ("context_window", self.context_window)] {
            if value == 0 {
                return Err(format!(".{key}: at least 1"));
            }
        }
        provider::check(self)
    }

    fn first_base_url(&self) -> Option<String> {
        self.base_url.clone().or_else(|| self.provider.default_base_url().map(str::to_owned))
    }

    /// Returns a model of an Ollama that was found at the start, at a price for each message.
    pub fn of_ollama(base_url: &str, upstream_model: &str, context_length: Option<u64>, per_message: i64) -> Self {
        let most = default_context_window();
        Self {
            provider: Provider::Ollama,
            title: None,
            description: None,
            price: Price { per_message, ..Price::default() },
            max_output: default_max_output(),
            path: None,
            max_queued: default_max_queued(),
            max_concurrent: 0,
            base_url: Some(base_url.to_owned()),
            api_key_env: None,
            upstream_model: Some(upstream_model.to_owned()),
            max_retries: default_max_retries(),
            // Ollama reserves memory for all of it.
            context_window: context_length.map_or(most, |length| length.min(most)),
            units_per_image: default_units_per_image(),
            max_tokens_param: None,
            circuit_cooldown: default_circuit_cooldown(),
            connect_timeout: None,
            first_byte_timeout: None,
            idle_timeout: None,
            reasoning_effort: None,
            thinking_budget: None,
            think: None,
            keep_alive: None,
            params: Params::default(),
            upstreams: Vec::new(),
        }
    }

    /// Returns all upstreams, in the order in which they are tried.
    pub fn all_upstreams(&self) -> impl Iterator<Item = Upstream> {
        let first = self.first_base_url().zip(self.upstream_model.clone());
        let first = first.map(|(base_url, upstream_model)| Upstream {
            base_url,
            api_key_env: self.api_key_env.clone(),
            upstream_model,
        });
        first.into_iter().chain(self.upstreams.iter().cloned())
    }
}

impl Upstream {
    /// Reads the upstream's API key from the configured environment variable.
    ///
    /// # Errors
    /// INTERNAL if the variable is not set.
    pub fn api_key(&self) -> Result<Option<SecretString>, Error> {
        #[expect(clippy::disallowed_methods, reason = "the configuration names the variable, so it is read here")]
        self.api_key_env
            .as_ref()
            .map(|name| {
                std::env::var(name)
                    .map(SecretString::from)
                    .map_err(|_| Error::new(Code::Internal, format!("the environment variable {name} is not set")))
            })
            .transpose()
    }
}

fn default_max_output() -> u64 {
    1024
}

fn default_max_queued() -> usize {
    64
}

fn default_max_retries() -> u32 {
    2
}

fn default_context_window() -> u64 {
    16_384
}

fn default_units_per_image() -> u64 {
    4096
}

fn default_circuit_cooldown() -> Duration {
    Duration::from_secs(30)
}
