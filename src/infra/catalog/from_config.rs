//! The models of the configuration file, and those of an Ollama that is found at the start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Model, Models, Origin, Source};
use crate::core::error::Error;
use crate::core::random::Random;
use crate::infra::ai::ollama_models::OllamaModel;
use crate::infra::ai::upstream::{self, Protocol, Remote, Think};
use crate::infra::ai::{self, SharedProvider};
use crate::infra::config::{self, Config};

impl Models {
    /// Opens the models of the configuration. A local model whose file is missing, or any if local models are not in this
    /// build, is omitted, and returned as the second value; if it was the default, the echo model replaces it.
    ///
    /// # Errors
    /// A message that names the model and the reason.
    pub fn open(config: &Config, random: &Random) -> Result<(Self, Vec<OmittedModel>), Error> {
        let (mut models, mut omitted) = (Vec::new(), Vec::new());
        let mut default = config.default_model.clone();
        for (name, settings) in &config.models {
            if let Some(path) = absent_file(settings) {
                omitted.push(OmittedModel { model: name.clone(), reason: omission(path.to_owned()) });
                continue;
            }
            models.push(open_model(name, settings, random)?);
        }
        if omitted.iter().any(|omitted| omitted.model == default) {
            default = replace_default(config, &mut models);
        }
        Ok((Self::new(models, &default).with_configured_default(config.has_default_model), omitted))
    }

    /// Adds the models of an Ollama to the catalog and to the configuration, unless a configured model has the same name, or
    /// is the same model of an Ollama. Returns the names of those that were added.
    pub fn add_ollama(
        &mut self,
        config: &mut Config,
        base_url: &str,
        found: &[OllamaModel],
        random: &Random,
    ) -> Vec<String> {
        let mut added = Vec::new();
        for OllamaModel { name, context_length } in found {
            if self.entries.contains_key(name) || is_configured(config, name, name) {
                continue;
            }
            let settings = config::Model::of_ollama(base_url, name, *context_length, config.ollama.price);
            match open_model(name, &settings, random) {
                Ok(mut model) => {
                    model.origin.source = Source::Ollama;
                    self.insert(model);
                    added.push((name.clone(), settings));
                }
                Err(error) => tracing::warn!(model = name, ?error, "a model of Ollama is not usable"),
            }
        }
        let names = added.iter().map(|(name, _)| name.clone()).collect();
        // Last, so that of two found models none is taken for a configured one.
        config.models.extend(added);
        names
    }
}

/// Returns whether the configuration has a model of this name, or this model of an Ollama.
pub(super) fn is_configured(config: &Config, name: &str, upstream_model: &str) -> bool {
    let is_same = |model: &config::Model| {
        model.provider == config::Provider::Ollama && model.upstream_model.as_deref() == Some(upstream_model)
    };
    config.models.contains_key(name) || config.models.values().any(is_same)
}

/// Whether this build can run local models (Cargo feature `local-model`).
const LOCAL_MODELS: bool = cfg!(feature = "local-model");

/// Adds the echo model, which replaces a default model that was omitted, at the price of that model. Returns its name.
pub(super) fn replace_default(config: &Config, models: &mut Vec<Model>) -> String {
    let echo = "echo".to_owned();
    let missing = config.models.get(&config.default_model).filter(|_| models.iter().all(|model| model.name != echo));
    if let Some(omitted) = missing {
        models.push(Model {
            name: echo.clone(),
            title: echo.clone(),
            description: None,
            provider: Arc::new(ai::echo::Echo),
            price: omitted.price.price(),
            max_output: omitted.max_output,
            concurrency: None,
            origin: Origin::default(),
        });
    }
    echo
}

/// Returns the path of a local model that can't be opened: without a file, or in a build without local models.
pub(super) fn absent_file(settings: &config::Model) -> Option<&Path> {
    let is_local = settings.provider == config::Provider::Local;
    settings.path.as_deref().filter(|path| is_local && !(LOCAL_MODELS && path.exists()))
}

/// A configured local model that was omitted.
#[derive(Clone, Debug)]
pub struct OmittedModel {
    /// The name of the model.
    pub model: String,
    /// Why it was omitted.
    pub reason: OmissionReason,
}

/// The reason why a local model was omitted.
#[derive(Clone, Debug)]
pub enum OmissionReason {
    /// Local models are not in this build.
    NotInBuild,
    /// There is no file at this path.
    FileMissing(PathBuf),
}

fn omission(path: PathBuf) -> OmissionReason {
    if LOCAL_MODELS { OmissionReason::FileMissing(path) } else { OmissionReason::NotInBuild }
}

#[cfg(feature = "local-model")]
fn open_local(path: &Path, max_queued: usize, random: &Random) -> Result<SharedProvider, Error> {
    Ok(Arc::new(ai::local::Local::open(path, max_queued, random.u64())?))
}

#[cfg(not(feature = "local-model"))]
fn open_local(path: &Path, _max_queued: usize, _random: &Random) -> Result<SharedProvider, Error> {
    Err(Error::internal(format!("local models are not in this build: {}", path.display())))
}

pub(super) fn open_model(name: &str, settings: &config::Model, random: &Random) -> Result<Model, Error> {
    let provider = open_provider(settings, random)
        .map_err(|error| Error::new(error.code, format!("models.{name}: {}", error.message)).with_source(error))?;
    Ok(with_provider(name, settings, provider))
}

/// Returns a configured model with this provider.
pub(super) fn with_provider(name: &str, settings: &config::Model, provider: SharedProvider) -> Model {
    Model {
        name: name.to_owned(),
        title: settings.title.clone().unwrap_or_else(|| name.to_owned()),
        description: settings.description.clone(),
        provider,
        price: settings.price.price(),
        max_output: settings.max_output,
        concurrency: (settings.max_concurrent > 0).then(|| Arc::new(Semaphore::new(settings.max_concurrent))),
        origin: Origin::default(),
    }
}

fn open_provider(settings: &config::Model, random: &Random) -> Result<SharedProvider, Error> {
    let missing = |key: &str| Error::internal(format!("`{key}` is missing"));
    Ok(match settings.provider {
        config::Provider::Echo => Arc::new(ai::echo::Echo),
        config::Provider::Local => {
            let path = settings.path.as_deref().ok_or_else(|| missing("path"))?;
            open_local(path, settings.max_queued, random)?
        }
        _ => Arc::new(open_remote(settings)?),
    })
}

fn open_remote(settings: &config::Model) -> Result<Remote, Error> {
    let config::Params { reject, allow, force, answers, tools } = &settings.params;
    let timeouts = upstream::Timeouts {
        connect: settings.connect_timeout,
        first_byte: settings.first_byte_timeout,
        idle: settings.idle_timeout,
    };
    Remote::new(upstream::Settings {
        protocol: protocol(settings),
        upstreams: settings
            .all_upstreams()
            .map(|upstream| upstream_config(upstream, timeouts))
            .collect::<Result<_, _>>()?,
        max_retries: settings.max_retries,
        context_window: settings.context_window,
        units_per_image: settings.units_per_image,
        max_tokens_param: settings.max_tokens_param.map(|name| match name {
            config::MaxTokensParam::MaxTokens => "max_tokens",
            config::MaxTokensParam::MaxCompletionTokens => "max_completion_tokens",
        }),
        circuit_cooldown: settings.circuit_cooldown,
        params: upstream::Params::new(reject, allow, force, answers, tools),
    })
}

fn protocol(settings: &config::Model) -> Protocol {
    let reasoning_effort = settings.reasoning_effort.clone();
    match settings.provider {
        config::Provider::Responses => Protocol::Responses(upstream::Responses { reasoning_effort }),
        config::Provider::Anthropic => Protocol::Anthropic(upstream::Anthropic {
            reasoning_effort,
            thinking_budget: settings.thinking_budget.and_then(|budget| budget.try_into().ok()),
        }),
        config::Provider::Gemini => {
            Protocol::Gemini(upstream::Gemini { reasoning_effort, thinking_budget: settings.thinking_budget })
        }
        config::Provider::Ollama => Protocol::Ollama(upstream::Ollama {
            think: reasoning_effort.map(Think::Level).or(settings.think.map(Think::Switch)),
            keep_alive: settings.keep_alive.clone(),
        }),
        config::Provider::Openai | config::Provider::Local | config::Provider::Echo => {
            Protocol::ChatCompletions(upstream::ChatCompletions { reasoning_effort })
        }
    }
}

fn upstream_config(
    configured: config::Upstream,
    timeouts: upstream::Timeouts,
) -> Result<upstream::UpstreamConfig, Error> {
    let api_key = configured.api_key()?;
    let config::Upstream { base_url, upstream_model, .. } = configured;
    Ok(upstream::UpstreamConfig { base_url, api_key, upstream_model, timeouts, ..Default::default() })
}
