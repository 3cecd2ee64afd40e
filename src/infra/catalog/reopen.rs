//! The models of a configuration file that is read again: those that are called as before keep their provider.

use super::from_config::{absent_file, is_configured, open_model, replace_default, with_provider};
use super::{Model, Models, Source};
use crate::core::error::{Code, Error};
use crate::core::random::Random;
use crate::infra::config::{self, Config};

impl Models {
    /// Opens the models of the next configuration, where these are the models of the one before. A model that is called
    /// as before keeps its provider: connections, circuit breakers, and the weights of a local model in memory. The
    /// models of an Ollama that was found at the start stay, and are added to the next configuration, unless it has them
    /// itself.
    ///
    /// # Errors
    /// INVALID_INPUT that names each model that can't be opened, and why. A local model whose file is missing is none of
    /// them if it was omitted before.
    pub fn reopen(&self, before: &Config, next: &mut Config, random: &Random) -> Result<Self, Error> {
        let (mut models, mut errors) = (Vec::new(), Vec::new());
        for (name, settings) in &next.models {
            match self.reopen_model(name, before.models.get(name), settings, random) {
                Ok(model) => models.extend(model),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(Error::new(Code::InvalidInput, errors.join("; ")));
        }
        let is_omitted = models.iter().all(|model| model.name != next.default_model);
        let default = if is_omitted { replace_default(next, &mut models) } else { next.default_model.clone() };
        for entry in self.entries.values().filter(|entry| entry.model.origin.source == Source::Ollama) {
            let name = &entry.model.name;
            let Some(settings) = before.models.get(name) else { continue };
            if !is_configured(next, name, settings.upstream_model.as_deref().unwrap_or(name)) {
                models.push(entry.model.clone());
                next.models.insert(name.clone(), settings.clone());
            }
        }
        Ok(Self::new(models, &default).with_configured_default(next.has_default_model))
    }

    /// Opens a model, or returns it with its earlier provider; `None` if it is omitted as before.
    fn reopen_model(
        &self,
        name: &str,
        before: Option<&config::Model>,
        settings: &config::Model,
        random: &Random,
    ) -> Result<Option<Model>, String> {
        let same = before.filter(|before| before.calls_as(settings));
        let earlier = self.entries.get(name).filter(|entry| entry.model.origin.source == Source::File);
        if let Some((before, earlier)) = same.zip(earlier) {
            let earlier = &earlier.model;
            let mut model = with_provider(name, settings, earlier.provider.clone());
            if before.max_concurrent == settings.max_concurrent {
                // Messages that are open count.
                model.concurrency = earlier.concurrency.clone();
            }
            if model.price == earlier.price {
                model.origin.price_id = earlier.origin.price_id;
            }
            return Ok(Some(model));
        }
        if let Some(path) = absent_file(settings) {
            if same.is_some() {
                return Ok(None);
            }
            return Err(format!(
                "models.{name}.path: {} can't be opened: it is missing, or this build has no local models",
                path.display()
            ));
        }
        open_model(name, settings, random).map(Some).map_err(|error| error.message)
    }
}
