//! The model catalog: the models of the configuration file and of the database, and their providers.
//!
//! What the file names wins, and is changed by a reload of the file only. A snapshot of the catalog is replaced as a whole, so that a
//! message has its model, its provider and its price from one snapshot.

mod from_config;
mod from_database;
mod reopen;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::from_config::{OmissionReason, OmittedModel};
pub use self::from_database::{ConnectedProvider, DatabaseModel, Rows};
use crate::core::error::{Code, Error};
use crate::core::ids::{PriceId, ProviderId};
use crate::core::price::{InputBound, Price};
use crate::infra::ai::{InvalidRequest, RawRequest, Request, SharedProvider};

/// The catalog of a server.
pub struct Catalog {
    now: RwLock<Snapshots>,
    /// Held while a snapshot is made, so that an older one never replaces a newer one.
    loading: tokio::sync::Mutex<()>,
}

struct Snapshots {
    /// The models of the configuration file, and of an Ollama.
    configured: Arc<Models>,
    /// These and those of the database.
    all: Arc<Models>,
}

impl Catalog {
    /// Creates the catalog of the configured models.
    pub fn new(configured: Models) -> Self {
        let configured = Arc::new(configured);
        let now = Snapshots { all: configured.clone(), configured };
        Self { now: RwLock::new(now), loading: tokio::sync::Mutex::default() }
    }

    /// Returns the current snapshot.
    pub fn models(&self) -> Arc<Models> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// Returns the configured models, without those of the database.
    pub fn configured(&self) -> Arc<Models> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).configured.clone()
    }

    /// Waits until no other snapshot is being made.
    pub async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    /// Makes the rows of the database the current ones. Providers and limits of models that did not change stay.
    pub fn replace(&self, rows: Rows) {
        self.replace_all(self.configured(), rows);
    }

    /// Makes these the configured models, and the rows the current ones.
    pub fn replace_all(&self, configured: Arc<Models>, rows: Rows) {
        let all = Arc::new(from_database::merged(&configured, &self.models(), rows));
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Snapshots { configured, all };
    }
}

/// A snapshot: the models by name.
#[derive(Clone, Default)]
pub struct Models {
    entries: BTreeMap<String, Entry>,
    default: String,
    default_source: DefaultSource,
    providers: BTreeMap<ProviderId, Arc<ConnectedProvider>>,
    /// The number of models of the database with a route to a provider.
    models_of_providers: HashMap<ProviderId, u64>,
    /// The number of models that can be used.
    usable: usize,
    epoch: Option<i64>,
}

/// A model of the catalog, which may be disabled.
#[derive(Clone)]
pub struct Entry {
    /// The model that has the name.
    pub model: Model,
    /// Whether it can be used.
    pub enabled: bool,
    /// The model with this name in the database. If the source is not the database, it is shadowed.
    pub row: Option<Arc<DatabaseModel>>,
}

impl Entry {
    /// Returns whether the database has a model of this name too, which is not in force.
    pub fn is_shadowed(&self) -> bool {
        self.model.origin.source != Source::Database && self.row.is_some()
    }
}

/// Where a model comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "ModelSource")]
pub enum Source {
    /// The configuration file. It is changed there.
    #[default]
    File,
    /// The database, where operators add models at run time.
    Database,
    /// An Ollama that the server found when it started.
    Ollama,
}

/// What has chosen the default model, of messages that name none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "DefaultModelSource")]
pub enum DefaultSource {
    /// The default of this program, since no one has chosen a model.
    #[default]
    Preset,
    /// The configuration file or the environment. It wins, and can't be changed at run time.
    File,
    /// A superuser, at run time.
    Database,
}

/// What a model can do, as its operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// Whether it reads images.
    pub images: bool,
    /// Whether it calls tools.
    pub tools: bool,
    /// Whether it reasons before it answers.
    pub reasoning: bool,
}

/// The origin of a model.
#[derive(Clone, Default)]
pub struct Origin {
    /// Where it comes from.
    pub source: Source,
    /// The version of its price; `None` for a model that the file has had since the start, whose version is looked up by
    /// its price.
    pub price_id: Option<PriceId>,
    /// What it can do; `None` for a model of the file, which does not say it.
    pub capabilities: Option<Capabilities>,
    /// Why it can't reply, for the log and for operators.
    pub problem: Option<Arc<str>>,
}

/// A model that clients can choose.
#[derive(Clone)]
pub struct Model {
    /// The name.
    pub name: String,
    /// The title that people see; the name if none is configured.
    pub title: String,
    /// What the model is good for.
    pub description: Option<String>,
    /// The provider.
    pub provider: SharedProvider,
    /// The price.
    pub price: Price,
    /// The maximum output in model tokens.
    pub max_output: u64,
    /// The concurrency limit; `None` for no limit.
    pub concurrency: Option<Arc<Semaphore>>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Model {
    /// Acquires a permit of the concurrency limit, released when it is dropped; `None` without a limit.
    ///
    /// # Errors
    /// RATE_LIMITED if the model is at capacity.
    pub fn acquire(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let taken = self.concurrency.as_ref().map(|slots| slots.clone().try_acquire_owned()).transpose();
        taken.map_err(|_| Error::rate_limited("This model is at capacity.", 1))
    }

    /// Returns an upper bound of the input of a request. Counting may cost as much as reading the texts; a flat price
    /// does not need it.
    pub fn input_bound(&self, request: &Request) -> InputBound {
        if !self.price.is_metered() {
            return InputBound::default();
        }
        let units = match &request.passing {
            Some(passing) => self.provider.max_input_of_call(&passing.call).unwrap_or(u64::MAX),
            None => self.provider.max_input(&request.messages),
        };
        InputBound { units, images: request.images() }
    }

    /// Checks that the model can do what a call asks of it, as its operator says. A model of the file does not say it.
    ///
    /// # Errors
    /// The member with images or tools.
    pub fn check_capabilities(&self, call: &RawRequest) -> Result<(), InvalidRequest> {
        let Some(Capabilities { images, tools, reasoning: _ }) = self.origin.capabilities else { return Ok(()) };
        let unsupported = |name: &str, message: &str| InvalidRequest {
            code: Some("unsupported_value"),
            ..InvalidRequest::param(name, message.to_owned())
        };
        if !images && call.images() > 0 {
            return Err(unsupported("messages", "This model does not read images."));
        }
        let is_set = |name: &&str| call.get(name).is_some_and(|json| !matches!(json.trim(), "null" | "[]"));
        match ["tools", "functions"].into_iter().find(is_set) {
            Some(name) if !tools => Err(unsupported(name, "This model does not call tools.")),
            _ => Ok(()),
        }
    }

    /// Checks that the model can reply at all.
    ///
    /// # Errors
    /// UNAVAILABLE, with the reason for the log, if it is not set up correctly.
    pub fn check_available(&self) -> Result<(), Error> {
        let Some(problem) = &self.origin.problem else { return Ok(()) };
        let cause = format!("model {}: {problem}", self.name);
        Err(Error::new(Code::Unavailable, "This model is not set up correctly.").with_source(cause))
    }
}

impl Models {
    /// Creates a catalog; `default` is the model of messages that name none.
    pub fn new(models: impl IntoIterator<Item = Model>, default: &str) -> Self {
        let mut created = Self { default: default.to_owned(), ..Self::default() };
        models.into_iter().for_each(|model| created.insert(model));
        created
    }

    /// Creates an empty catalog, for commands that send no message.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the model of this name, or the default model if `None`.
    pub fn get(&self, name: Option<&str>) -> Option<&Model> {
        self.entry(name.unwrap_or(&self.default)).filter(|entry| entry.enabled).map(|entry| &entry.model)
    }

    /// Returns all models that can be used, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.entries.values().filter(|entry| entry.enabled).map(|entry| &entry.model)
    }

    /// Returns the number of models that can be used.
    pub fn count(&self) -> usize {
        self.usable
    }

    /// Returns whether this is the default model, which replies to messages that name none.
    pub fn is_default(&self, model: &Model) -> bool {
        model.name == self.default
    }

    /// Returns the name of the default model, and what has chosen it.
    pub fn default_model(&self) -> (&str, DefaultSource) {
        (&self.default, self.default_source)
    }

    /// Returns the same models, whose default the configuration has set.
    #[must_use]
    pub fn with_configured_default(self, is_configured: bool) -> Self {
        let default_source = if is_configured { DefaultSource::File } else { DefaultSource::Preset };
        Self { default_source, ..self }
    }

    /// Returns the entry of a name, disabled ones included.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Returns all entries by name, disabled ones included.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// Returns a provider of the database.
    pub fn provider(&self, id: ProviderId) -> Option<&Arc<ConnectedProvider>> {
        self.providers.get(&id)
    }

    /// Returns the providers of the database.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<ConnectedProvider>> {
        self.providers.values()
    }

    /// Returns the number of models of the database with a route to a provider.
    pub fn models_of_provider(&self, id: ProviderId) -> u64 {
        self.models_of_providers.get(&id).copied().unwrap_or_default()
    }

    /// Returns the provider's names of the models of the database with a route to a provider.
    pub fn upstream_models(&self, id: ProviderId) -> HashSet<String> {
        let routes = self.entries.values().filter_map(|entry| entry.row.as_ref()).flat_map(|row| &row.routes);
        routes.filter(|route| route.provider_id == id).map(|route| route.upstream_model.clone()).collect()
    }

    /// Returns the epoch of the database that the snapshot shows; `None` before the first.
    pub fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    /// Returns all models, for changes before the snapshot is in force.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Model> {
        self.entries.values_mut().map(|entry| &mut entry.model)
    }

    fn insert(&mut self, model: Model) {
        let entry = Entry { model, enabled: true, row: None };
        if self.entries.insert(entry.model.name.clone(), entry).is_none() {
            self.usable += 1;
        }
    }
}
