//! [`App`]: everything that the rooms need, built the same way by `main` and by tests.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ai::{self, SharedProvider};
use crate::clock::Clock;
use crate::cluster::{self, Bus};
use crate::config::{self, Config};
use crate::db::Db;
use crate::error::Error;
use crate::jwt::{Keys, Names};
use crate::keyed_hash::KeyedHash;
use crate::limits::{Guesses, Rates};
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::random::Random;
use crate::rate_limit::Places;
use crate::recording::Answers;
use crate::request_body::Bodies;
use crate::secrets::Secrets;
use crate::tokens::Price;
use crate::viewer::{Address, Identity};

/// The running application. Clones are the same one.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// The configuration, as it was at start.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Password hashing.
    pub hasher: Hasher,
    /// Keys of the access and refresh tokens.
    pub keys: Keys,
    /// Hashes of API keys, and of the calls of programs.
    pub hashes: KeyedHash,
    /// The models that answer.
    pub models: Models,
    /// Credentials that were found good a moment ago.
    pub viewers: Viewers,
    /// News between parts and servers.
    pub bus: Bus,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// Which server this is: a name that no other one has, and that is new with every start.
    pub id: String,
    /// How many other servers use the database, where they have no common bus; known by [`crate::neighbours`].
    pub others: AtomicUsize,
    /// Wrong passwords.
    pub guesses: Guesses,
    /// Open turns.
    pub turns: Places<i64>,
    /// Sockets, by address.
    pub sockets: Places<Option<Address>>,
    /// Sockets and streams, by user.
    pub user_streams: Places<i64>,
    /// What may be done in a time.
    pub rates: Rates,
    /// Request bodies under way.
    pub bodies: Bodies,
    /// Answers of calls with an idempotency key, by chat, for those who try again.
    pub answers: Arc<Answers<ai::Event>>,
    /// Work that outlives the request which began it. A shutdown waits for it.
    pub tasks: TaskTracker,
    /// Open connections, of all listeners for HTTP.
    pub connections: TaskTracker,
    /// Sockets and streams to clients. They end after the turns, when `stopping` is cancelled.
    pub streams: TaskTracker,
    /// Cancelled when a shutdown no longer waits: what is still open ends now.
    pub stopping: CancellationToken,
}

/// What differs between `main` and tests.
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The models that answer.
    pub models: Models,
    /// What tokens are signed with, and API keys hashed.
    pub secrets: Secrets,
}

impl App {
    /// Builds the application on a connected database.
    ///
    /// # Errors
    /// INTERNAL where the system has no randomness for a salt, or the address of Redis will not do.
    pub fn new(config: Config, db: Db, outside: Outside) -> Result<Self, Error> {
        let Outside { clock, random, models, secrets } = outside;
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let id = random.hex128();
        let hash =
            |purpose| KeyedHash::new(secrets.hashing.expose_secret().as_bytes(), purpose).map_err(Error::internal);
        let redis = Some(&config.cluster.redis).filter(|url| !url.expose_secret().is_empty());
        let bus = match redis {
            Some(url) => {
                Bus::redis(cluster::Settings { url, server: &id, hash: hash("jeton: what servers count together")? })?
            }
            None => Bus::local(),
        };
        let names = Names { issuer: named(&config.auth.issuer), audience: named(&config.auth.audience) };
        Ok(Self(Arc::new(Parts {
            metrics: Metrics::new(db.batches()),
            db,
            clock,
            random,
            hasher: Hasher::new(config.auth.hashing_threads, config.auth.max_queued_hashes)?,
            keys: Keys::new(&secrets.signing, names),
            hashes: hash("jeton: API keys and calls")?,
            models,
            viewers: viewers(),
            id,
            others: AtomicUsize::new(0),
            guesses: Guesses::new(&config.auth, bus.clone()),
            rates: Rates::new(&config.limits, bus.clone()),
            bus,
            turns: Places::new(config.turns.open_per_user, config.turns.open_per_server),
            sockets: Places::new(config.http.max_connections_per_address, config.http.max_connections),
            user_streams: Places::new(config.graphql.streams_per_user, usize::MAX),
            bodies: Bodies::new(
                config.http.body_timeout,
                config.http.max_inflight_body_bytes,
                config.http.max_inflight_body_bytes_per_client,
                config.http.body_bytes_per_second_per_client,
            ),
            answers: Arc::new(Answers::new(config.v1.max_replay_bytes, config.v1.max_replay_bytes_per_user)),
            tasks: TaskTracker::new(),
            connections: TaskTracker::new(),
            streams: TaskTracker::new(),
            stopping: CancellationToken::new(),
            config,
        })))
    }

    /// Connects to the configured database and builds the application with the system's clock and randomness.
    ///
    /// # Errors
    /// INTERNAL, with a source that says what is wrong with the database or the signing key.
    pub async fn open(config: Config, models: Models) -> Result<Self, Error> {
        let random = Random::system();
        let secrets = Secrets::open(&config, &random)?;
        let config::Database { max_connections, acquire_timeout, .. } = config.database;
        let db = Db::connect_within(&config.database_url(), max_connections, acquire_timeout).await?;
        Self::new(config, db, Outside { clock: Clock::system(), random, models, secrets })
    }

    /// Takes up the signing keys of the file, where they have been rotated. A thread for blocking work reads it.
    pub async fn reload_keys(&self) {
        let config = self.clone();
        let read = tokio::task::spawn_blocking(move || Secrets::again(&config.config)).await;
        match read.unwrap_or_else(|error| Err(Error::internal(error))) {
            Ok(Some(secrets)) if self.keys.replace(&secrets.signing) => {
                let signs = secrets.signing.first().map(|key| key.id.as_str()).unwrap_or_default();
                tracing::info!(signs, keys = secrets.signing.len(), "the signing keys have changed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(?error, "the signing keys can't be read again; those from before stay"),
        }
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Who is asking, by the keyed hash of the credential, and when the credential ends by itself. For the many requests that
/// one client sends in a second; what this server changes is forgotten at once (see `account::announce_sessions`), and
/// what others change has its effect within [`VIEWERS_TTL`].
pub type Viewers = moka::sync::Cache<[u8; 32], (Identity, DateTime<Utc>)>;

/// How long a credential counts as good after it was looked at: no longer than a deactivation may take to have its effect.
const VIEWERS_TTL: Duration = Duration::from_secs(1);
const MAX_VIEWERS: u64 = 100_000;

fn viewers() -> Viewers {
    moka::sync::Cache::builder()
        .time_to_live(VIEWERS_TTL)
        .max_capacity(MAX_VIEWERS)
        .support_invalidation_closures()
        .build()
}

/// The models by name.
#[derive(Clone)]
pub struct Models {
    by_name: BTreeMap<String, Model>,
    default: String,
}

/// A model that clients can choose.
#[derive(Clone)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Who answers.
    pub provider: SharedProvider,
    /// What it costs.
    pub price: Price,
    /// The longest reply in the model's own units.
    pub max_output: u64,
    /// Places for what it answers at once; none: as many as there are.
    pub slots: Option<Arc<Semaphore>>,
}

impl Model {
    /// A place, for as long as it is kept.
    ///
    /// # Errors
    /// RATE_LIMITED where all are taken.
    pub fn slot(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let taken = self.slots.as_ref().map(|slots| slots.clone().try_acquire_owned()).transpose();
        taken.map_err(|_| Error::rate_limited("This model has as many messages as it can answer at once.", 1))
    }
}

impl Models {
    /// These models; `default` answers when a message names none.
    pub fn new(models: impl IntoIterator<Item = Model>, default: &str) -> Self {
        let by_name = models.into_iter().map(|model| (model.name.clone(), model)).collect();
        Self { by_name, default: default.to_owned() }
    }

    /// No models, for commands that send no message.
    pub fn none() -> Self {
        Self::new([], "")
    }

    /// The models of the configuration. A local model whose file is missing is left out, and named in the second part
    /// of the result; where it was the default, the echo model answers instead.
    ///
    /// # Errors
    /// A sentence that names the model and what is wrong with it.
    pub fn open(config: &Config, random: &Random) -> Result<(Self, Vec<MissingFile>), Error> {
        let (mut models, mut missing) = (Vec::new(), Vec::new());
        let mut default = config.default_model.clone();
        for (name, settings) in &config.models {
            let absent =
                settings.path.clone().filter(|path| settings.provider == config::Provider::Local && !path.exists());
            if let Some(path) = absent {
                missing.push(MissingFile { model: name.clone(), path });
                continue;
            }
            let provider = open_provider(settings, random).map_err(|error| {
                Error::new(error.code, format!("models.{name}: {}", error.message)).with_source(error)
            })?;
            let slots = (settings.max_concurrent > 0).then(|| Arc::new(Semaphore::new(settings.max_concurrent)));
            let (price, max_output) = (settings.price, settings.max_output);
            models.push(Model { name: name.clone(), provider, price, max_output, slots });
        }
        if let Some(settings) = config.models.get(&default).filter(|_| missing.iter().any(|gone| gone.model == default))
        {
            default = "echo".to_owned();
            if !models.iter().any(|model| model.name == default) {
                let provider = Arc::new(ai::echo::Echo);
                models.push(Model {
                    name: default.clone(),
                    provider,
                    price: settings.price,
                    max_output: settings.max_output,
                    slots: None,
                });
            }
        }
        Ok((Self::new(models, &default), missing))
    }

    /// The model of this name, or the default one.
    pub fn get(&self, name: Option<&str>) -> Option<&Model> {
        self.by_name.get(name.unwrap_or(&self.default))
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.by_name.values()
    }

    /// Whether this one answers when a message names none.
    pub fn is_default(&self, model: &Model) -> bool {
        model.name == self.default
    }
}

/// A configured model that was left out, since its file is not there.
#[derive(Clone, Debug)]
pub struct MissingFile {
    /// The model's name.
    pub model: String,
    /// Where its file should be.
    pub path: std::path::PathBuf,
}

fn open_provider(settings: &config::Model, random: &Random) -> Result<SharedProvider, Error> {
    let missing = |key: &str| Error::internal(format!("`{key}` is missing"));
    Ok(match settings.provider {
        config::Provider::Echo => Arc::new(ai::echo::Echo),
        config::Provider::Local => {
            let path = settings.path.as_deref().ok_or_else(|| missing("path"))?;
            Arc::new(ai::local::Local::open(path, settings.queue, random.u64())?)
        }
        config::Provider::Openai => Arc::new(ai::openai::OpenAi::new(ai::openai::Settings {
            upstreams: settings.all_upstreams().map(address).collect::<Result<_, _>>()?,
            retries: settings.retries,
            window: settings.window,
            units_per_image: settings.units_per_image,
            limit_name: settings.limit_name.map(|name| match name {
                config::LimitName::MaxTokens => "max_tokens",
                config::LimitName::MaxCompletionTokens => "max_completion_tokens",
            }),
            rest: settings.rest,
            params: {
                let config::Params { reject, allow, force, answers, tools } = &settings.params;
                ai::openai::Params::new(reject, allow, force, answers, tools)
            },
        })?),
    })
}

fn address(upstream: config::Upstream) -> Result<ai::openai::Address, Error> {
    let api_key = upstream.api_key()?;
    let config::Upstream { base_url, upstream_model, .. } = upstream;
    Ok(ai::openai::Address { base_url, api_key, upstream_model })
}
