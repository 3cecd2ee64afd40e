//! The kinds of providers, and the keys of `[models.NAME]` that only some of them have.

use serde::{Deserialize, Serialize};

use super::Model;

/// The smallest thinking budget of Anthropic's models, in model tokens.
const MIN_ANTHROPIC_BUDGET: i64 = 1024;
/// Gemini's thinking budget that leaves it to the model.
const DYNAMIC_BUDGET: i64 = -1;
/// Maximum length of a reasoning effort or a duration, in bytes.
const MAX_WORD_BYTES: usize = 32;

/// The type of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A GGUF file of the Llama family, run in this process. Needs `path`.
    Local,
    /// Any OpenAI-compatible service (chat completions). Needs `base_url` and `upstream_model`.
    Openai,
    /// OpenAI's Responses API. Needs `upstream_model`.
    Responses,
    /// Anthropic's Messages API. Needs `upstream_model`.
    Anthropic,
    /// Google's Gemini API. Needs `upstream_model`.
    Gemini,
    /// Ollama's own API. Needs `upstream_model`.
    Ollama,
    /// Echoes the message; for tests.
    Echo,
}

impl Provider {
    /// Returns the name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Openai => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Echo => "echo",
        }
    }

    /// Returns whether it is a remote service.
    pub fn is_remote(self) -> bool {
        !matches!(self, Self::Local | Self::Echo)
    }

    /// Returns the base URL of the official service; `None` if there is more than one service.
    pub fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::Responses => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::Openai | Self::Local | Self::Echo => None,
        }
    }
}

/// Checks the keys that only some providers have. The error has the key and the reason.
pub(super) fn check(model: &Model) -> Result<(), String> {
    use Provider::{Anthropic, Gemini, Ollama, Openai, Responses};
    let keys: [(&str, bool, &[Provider]); 4] = [
        ("reasoning_effort", model.reasoning_effort.is_some(), &[Openai, Responses, Anthropic, Gemini, Ollama]),
        ("thinking_budget", model.thinking_budget.is_some(), &[Anthropic, Gemini]),
        ("think", model.think.is_some(), &[Ollama]),
        ("keep_alive", model.keep_alive.is_some(), &[Ollama]),
    ];
    for (key, is_set, providers) in keys {
        if is_set && !providers.contains(&model.provider) {
            let names: Vec<_> = providers.iter().map(|provider| format!("`{}`", provider.name())).collect();
            return Err(format!(".{key}: only for the provider {}", names.join(" or ")));
        }
    }
    for (key, word) in [("reasoning_effort", &model.reasoning_effort), ("keep_alive", &model.keep_alive)] {
        let is_word = |word: &String| {
            (1..=MAX_WORD_BYTES).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if word.as_ref().is_some_and(|word| !is_word(word)) {
            return Err(format!(".{key}: 1 to {MAX_WORD_BYTES} characters without spaces"));
        }
    }
    if model.reasoning_effort.is_some() && (model.thinking_budget.is_some() || model.think.is_some()) {
        let other = if model.think.is_some() { "think" } else { "thinking_budget" };
        return Err(format!(".reasoning_effort: not together with `{other}`"));
    }
    let Some(budget) = model.thinking_budget else { return Ok(()) };
    let least = if model.provider == Anthropic { MIN_ANTHROPIC_BUDGET } else { DYNAMIC_BUDGET };
    if budget < least {
        return Err(format!(".thinking_budget: at least {least}"));
    }
    // Thoughts count as output: without any left, there would be no answer.
    if budget >= i64::try_from(model.max_output).unwrap_or(i64::MAX) {
        return Err(format!(".thinking_budget: less than max_output ({})", model.max_output));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::infra::config::Config;

    /// Returns the error of a model with these keys, or its first base URL.
    fn check(text: &str) -> Result<String, String> {
        let text = format!("[models.x]\nprice = {{}}\nupstream_model = 'up'\n{text}");
        let config = Config::from_toml(&text).map_err(|error| error.to_string())?;
        Ok(config.models["x"].all_upstreams().next().map(|upstream| upstream.base_url).unwrap_or_default())
    }

    #[test]
    fn official_services_need_no_address() {
        for (provider, url) in [
            ("responses", "https://api.openai.com/v1"),
            ("anthropic", "https://api.anthropic.com/v1"),
            ("gemini", "https://generativelanguage.googleapis.com/v1beta"),
            ("ollama", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(check(&format!("provider = '{provider}'")).as_deref(), Ok(url));
            assert_eq!(
                check(&format!("provider = '{provider}'\nbase_url = 'http://x/y'")).as_deref(),
                Ok("http://x/y")
            );
            let bare = Config::from_toml(&format!("[models.x]\nprice = {{}}\nprovider = '{provider}'"));
            assert_eq!(bare.unwrap_err().to_string(), "models.x: `upstream_model` is missing");
        }
        assert_eq!(check("provider = 'openai'").unwrap_err(), "models.x: `base_url` is missing");
    }

    #[test]
    fn keys_of_other_providers_are_refused_by_name() {
        for (keys, error) in [
            (
                "provider = 'openai'\nbase_url = 'http://x'\nthinking_budget = 1024",
                "thinking_budget: only for the provider `anthropic` or `gemini`",
            ),
            ("provider = 'gemini'\nthink = true", "think: only for the provider `ollama`"),
            ("provider = 'responses'\nkeep_alive = '5m'", "keep_alive: only for the provider `ollama`"),
            ("provider = 'anthropic'\nthinking_budget = 1023", "thinking_budget: at least 1024"),
            ("provider = 'anthropic'\nthinking_budget = 1024", "thinking_budget: less than max_output (1024)"),
            ("provider = 'gemini'\nthinking_budget = -2", "thinking_budget: at least -1"),
            (
                "provider = 'responses'\nreasoning_effort = 'very high'",
                "reasoning_effort: 1 to 32 characters without spaces",
            ),
            (
                "provider = 'ollama'\nreasoning_effort = 'low'\nthink = true",
                "reasoning_effort: not together with `think`",
            ),
        ] {
            assert_eq!(check(keys).unwrap_err(), format!("models.x.{error}"));
        }
        for keys in [
            "provider = 'anthropic'\nmax_output = 4096\nthinking_budget = 2048",
            "provider = 'gemini'\nthinking_budget = -1",
            "provider = 'gemini'\nthinking_budget = 0",
            "provider = 'ollama'\nthink = false\nkeep_alive = '-1'",
            "provider = 'openai'\nbase_url = 'http://x'\nreasoning_effort = 'low'",
        ] {
            assert!(check(keys).is_ok(), "{keys}");
        }
    }
}
