//! The models of the database: made from its rows, and merged with those of the configuration.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::{Capabilities, DefaultSource, Entry, Model, Models, Origin, Source};
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::infra::ai::SharedProvider;
use crate::infra::ai::unavailable::Unavailable;
use crate::infra::ai::upstream::{self, Protocol, Remote};
use crate::infra::config::Params;
use crate::infra::entity::provider::Kind;
use crate::infra::entity::{breaker_reset, model, model_route, price, provider};

/// The maximum input of an image in model tokens, as the default of the configuration.
const UNITS_PER_IMAGE: u64 = 4096;

/// The rows of the catalog, read at one time.
pub struct Rows {
    /// The epoch of the catalog that they belong to.
    pub epoch: i64,
    /// The models.
    pub models: Vec<DatabaseModel>,
    /// The providers.
    pub providers: Vec<ConnectedProvider>,
    /// The resets of breakers since the snapshot before.
    pub resets: Vec<breaker_reset::Model>,
    /// The default model that a superuser has chosen.
    pub default_model: Option<String>,
}

/// A model of the database.
#[derive(Clone)]
pub struct DatabaseModel {
    /// The row.
    pub row: model::Model,
    /// The routes, in the order in which they are tried.
    pub routes: Vec<model_route::Model>,
    /// The current version of the price.
    pub price: price::Model,
}

/// A provider of the database.
pub struct ConnectedProvider {
    /// The row.
    pub row: provider::Model,
    /// The API key; `None` if none is sent, or why it can't be decrypted.
    pub key: Result<Option<SecretString>, String>,
}

impl ConnectedProvider {
    /// Returns whether requests to both are the same. Encrypting the key under another secret changes nothing.
    fn calls_as(&self, other: &Self) -> bool {
        let of = |this: &Self| {
            let row = &this.row;
            let retries = (row.max_retries, row.circuit_cooldown_ms);
            (row.kind, row.base_url.clone(), row.headers.clone(), retries, timeouts(row))
        };
        let key =
            |this: &Self| this.key.as_ref().ok().map(|key| key.as_ref().map(|key| key.expose_secret().to_owned()));
        of(self) == of(other) && key(self) == key(other)
    }

    /// Returns its protocol.
    pub fn protocol(&self) -> Protocol {
        protocol(self.row.kind)
    }

    /// Returns the address and the credentials of a model.
    ///
    /// # Errors
    /// Why the key can't be decrypted.
    pub fn upstream(&self, upstream_model: &str) -> Result<upstream::UpstreamConfig, String> {
        Ok(upstream::UpstreamConfig {
            base_url: self.row.base_url.clone(),
            api_key: self.key.clone()?,
            upstream_model: upstream_model.to_owned(),
            provider_id: Some(self.row.id),
            timeouts: timeouts(&self.row),
            headers: self.row.headers().into_iter().map(|header| (header.name, header.value)).collect(),
            ..Default::default()
        })
    }
}

/// Merges the configured models with the rows of the database.
pub(super) fn merged(configured: &Models, before: &Models, rows: Rows) -> Models {
    let Rows { epoch, models, providers, resets, default_model } = rows;
    let providers: BTreeMap<_, _> =
        providers.into_iter().map(|provider| (provider.row.id, Arc::new(provider))).collect();
    let unchanged: HashMap<ProviderId, bool> = providers
        .iter()
        .map(|(id, now)| (*id, before.providers.get(id).is_some_and(|before| now.calls_as(before))))
        .collect();
    let mut merged = Models { providers, epoch: Some(epoch), ..configured.clone() };
    for database in models {
        let name = database.row.name.clone();
        for id in database.routes.iter().map(|route| route.provider_id).collect::<BTreeSet<_>>() {
            *merged.models_of_providers.entry(id).or_default() += 1;
        }
        if let Some(entry) = merged.entries.get_mut(&name) {
            entry.row = Some(Arc::new(database));
            continue;
        }
        let earlier = before.entries.get(&name).filter(|entry| entry.model.origin.source == Source::Database);
        let is_same = |route: &model_route::Model| unchanged.get(&route.provider_id) == Some(&true);
        let earlier = earlier.filter(|_| database.routes.iter().all(is_same));
        let entry = entry(database, &merged.providers, earlier);
        merged.usable += usize::from(entry.enabled);
        merged.entries.insert(name, entry);
    }
    for reset in resets {
        match &reset.model {
            Some(name) => merged.entry(name).into_iter().for_each(|entry| close_breakers(entry, &reset)),
            None => merged.entries.values().for_each(|entry| close_breakers(entry, &reset)),
        }
    }
    // The file wins; and a model that is gone or disabled is no default.
    let is_usable = |name: &String| merged.entries.get(name).is_some_and(|entry| entry.enabled);
    if let Some(chosen) = default_model.filter(|name| merged.default_source != DefaultSource::File && is_usable(name)) {
        merged.default = chosen;
        merged.default_source = DefaultSource::Database;
    }
    merged
}

fn close_breakers(entry: &Entry, reset: &breaker_reset::Model) {
    entry.model.provider.reset_breakers(reset.provider_id);
}

/// Returns the entry of a row. `earlier` is its earlier entry, if its providers did not change.
fn entry(
    database: DatabaseModel,
    providers: &BTreeMap<ProviderId, Arc<ConnectedProvider>>,
    earlier: Option<&Entry>,
) -> Entry {
    let row = &database.row;
    let same = earlier.and_then(|earlier| Some((earlier, earlier.row.as_ref()?)));
    let same_calls = same.filter(|(_, before)| {
        before.row.context_window == row.context_window && routes(&before.routes) == routes(&database.routes)
    });
    let (provider, problem) = match same_calls {
        Some((earlier, _)) => (earlier.model.provider.clone(), earlier.model.origin.problem.clone()),
        None => match open(&database, providers) {
            Ok(provider) => (provider, None),
            Err(problem) => {
                tracing::error!(model = row.name, problem, "a model can't reply");
                let provider: SharedProvider = Arc::new(Unavailable);
                (provider, Some(problem.into()))
            }
        },
    };
    let concurrency = match same.filter(|(_, before)| before.row.max_concurrent == row.max_concurrent) {
        Some((earlier, _)) => earlier.model.concurrency.clone(),
        None => {
            usize::try_from(row.max_concurrent).ok().filter(|most| *most > 0).map(|most| Arc::new(Semaphore::new(most)))
        }
    };
    let model = Model {
        name: row.name.clone(),
        title: row.title.clone().unwrap_or_else(|| row.name.clone()),
        description: row.description.clone(),
        provider,
        price: database.price.price(),
        max_output: u64::try_from(row.max_output).unwrap_or_default(),
        concurrency,
        origin: Origin {
            source: Source::Database,
            price_id: Some(database.price.id),
            capabilities: Some(Capabilities { images: row.images, tools: row.tools, reasoning: row.reasoning }),
            problem,
        },
    };
    Entry { enabled: row.enabled, model, row: Some(Arc::new(database)) }
}

/// Returns what decides where requests go.
fn routes(routes: &[model_route::Model]) -> Vec<(ProviderId, &str, i64, i64)> {
    let of = |route: &model_route::Model| (route.provider_id, route.position, route.weight);
    let routes = routes.iter().map(|route| (of(route), route.upstream_model.as_str()));
    routes.map(|((provider, position, weight), name)| (provider, name, position, weight)).collect()
}

/// Opens the provider of a model. Routes with a key that can't be decrypted are omitted, unless there is no other.
///
/// # Errors
/// Why it can't reply.
fn open(
    database: &DatabaseModel,
    providers: &BTreeMap<ProviderId, Arc<ConnectedProvider>>,
) -> Result<SharedProvider, String> {
    let (mut upstreams, mut problem, mut first) = (Vec::new(), None, None);
    for route in &database.routes {
        let Some(provider) = providers.get(&route.provider_id) else { continue };
        match provider.upstream(&route.upstream_model) {
            Ok(upstream) => {
                first.get_or_insert(&provider.row);
                upstreams.push(upstream::UpstreamConfig { position: route.position, weight: route.weight, ..upstream });
            }
            Err(why) => {
                problem = Some(format!("the API key of the provider {} can't be decrypted: {why}", provider.row.name));
            }
        }
    }
    let Some(first) = first else {
        return Err(problem.unwrap_or_else(|| "it has no routes".to_owned()));
    };
    let remote = remote(first, upstreams, u64::try_from(database.row.context_window).unwrap_or(u64::MAX));
    Ok(Arc::new(remote.map_err(|error| format!("{error:?}"))?))
}

/// Returns a remote provider with the settings of a row.
///
/// # Errors
/// INTERNAL if the base URL or the key is invalid.
fn remote(
    row: &provider::Model,
    upstreams: Vec<upstream::UpstreamConfig>,
    context_window: u64,
) -> Result<Remote, Error> {
    let Params { reject, allow, force, answers, tools } = Params::default();
    let settings = upstream::Settings {
        protocol: protocol(row.kind),
        upstreams,
        max_retries: u32::try_from(row.max_retries).unwrap_or_default(),
        context_window,
        units_per_image: UNITS_PER_IMAGE,
        max_tokens_param: None,
        circuit_cooldown: Duration::from_millis(u64::try_from(row.circuit_cooldown_ms).unwrap_or_default()),
        params: upstream::Params::new(&reject, &allow, &force, &answers, &tools),
    };
    Remote::with_clients(settings, client)
}

/// Returns the timeouts of a row.
fn timeouts(row: &provider::Model) -> upstream::Timeouts {
    let duration = |ms: Option<i64>| ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
    upstream::Timeouts {
        connect: duration(row.connect_timeout_ms),
        first_byte: duration(row.first_byte_timeout_ms),
        idle: duration(row.idle_timeout_ms),
    }
}

/// Returns the protocol of a kind.
fn protocol(kind: Kind) -> Protocol {
    match kind {
        Kind::Openai => Protocol::ChatCompletions(upstream::ChatCompletions::default()),
        Kind::Responses => Protocol::Responses(upstream::Responses::default()),
        Kind::Anthropic => Protocol::Anthropic(upstream::Anthropic::default()),
        Kind::Gemini => Protocol::Gemini(upstream::Gemini::default()),
        Kind::Ollama => Protocol::Ollama(upstream::Ollama::default()),
    }
}

/// Returns the HTTP client of all models of the database with this timeout of connecting. There may be thousands of
/// models, but few timeouts: whole seconds up to a minute.
fn client(timeouts: upstream::Timeouts) -> Result<Client, Error> {
    static CLIENTS: LazyLock<Mutex<HashMap<Option<Duration>, Client>>> = LazyLock::new(Mutex::default);
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(&timeouts.connect) {
        return Ok(client.clone());
    }
    let client = upstream::client(timeouts)?;
    clients.insert(timeouts.connect, client.clone());
    Ok(client)
}
