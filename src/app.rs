//! [`App`]: the state that all modules share, built the same way by `main` and by tests.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::clock::Clock;
use crate::core::credential_cache::{CredentialCache, credential_cache};
use crate::core::encryption::Encryption;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::jwt::{IssuerConfig, KeyRing};
use crate::core::keyed_hash::KeyedHash;
use crate::core::password::Hasher;
use crate::core::random::Random;
use crate::core::replay_log::ReplayCache;
use crate::core::throttle::ConcurrencyLimit;
use crate::core::tokens::Tokens;
use crate::core::viewer::ClientIp;
use crate::infra::ai;
use crate::infra::catalog::{Catalog, Models};
use crate::infra::cluster::{self, Bus};
use crate::infra::config::{self, Config, RunningConfig};
use crate::infra::db::Db;
use crate::infra::metrics::Metrics;
use crate::infra::price_cache::PriceCache;
use crate::infra::rate_limit::{LoginThrottle, RateLimits};
use crate::infra::request_body::Bodies;
use crate::infra::secrets::Secrets;
use crate::infra::user_watch::UserWatch;
use crate::infra::webhook::Webhooks;

/// The maximum number of recorded reads that are remembered; a forgotten one is recorded again.
const MAX_CHAT_READS: u64 = 100_000;

/// The running application. Clones share it.
#[derive(Clone)]
pub struct App(Arc<AppInner>);

/// The contents of an [`App`].
pub struct AppInner {
    running: RunningConfig,
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The random number generator.
    pub random: Random,
    /// The password hasher.
    pub hasher: Hasher,
    /// Signing keys of the access and refresh tokens.
    pub keys: KeyRing,
    /// Keyed hashes of API keys and API calls.
    pub api_key_hasher: KeyedHash,
    /// The encryption of the API keys of providers.
    pub encryption: Encryption,
    /// The models: those of the configuration and of the database.
    pub catalog: Catalog,
    /// The cache of recently validated credentials.
    pub credential_cache: CredentialCache,
    /// The versions of prices that this server has met.
    pub price_cache: PriceCache,
    /// Reads of chats that are in the audit trail already: operator, user, whether of one chat, and the hour.
    pub chat_reads: moka::sync::Cache<(UserId, UserId, bool, i64), ()>,
    /// The message bus between tasks of this server and between servers.
    pub bus: Bus,
    /// Counters and timings.
    pub metrics: Metrics,
    /// The id of this server: unique, and new with every start.
    pub id: String,
    /// Number of other servers that use the database without a common bus, updated by [`crate::domain::membership`].
    pub peer_count: AtomicUsize,
    /// The backoff of failed log-ins.
    pub login_throttle: LoginThrottle,
    /// Permits of open turns, by user.
    pub turn_permits: ConcurrencyLimit<UserId>,
    /// Permits of WebSockets, by the client's address.
    pub sockets: ConcurrencyLimit<Option<ClientIp>>,
    /// Permits of WebSockets and streams, by user.
    pub user_streams: ConcurrencyLimit<UserId>,
    /// Users whose rows are polled for changes by others than this server.
    pub user_watch: UserWatch,
    /// The webhooks as this server knows them, and the client that sends to them.
    pub webhooks: Webhooks,
    /// Rate limits.
    pub rate_limits: RateLimits,
    /// Budgets of request bodies.
    pub bodies: Bodies,
    /// Responses of calls with an idempotency key, by chat, for retries.
    pub replay_cache: Arc<ReplayCache<ai::Event>>,
    /// Work that outlives the request that started it. A shutdown waits for it.
    pub tasks: TaskTracker,
    /// Open connections of all HTTP listeners.
    pub connections: TaskTracker,
    /// WebSockets and streams to clients. They end after the turns, when `stopping` is cancelled.
    pub streams: TaskTracker,
    /// Cancelled when a shutdown no longer waits: everything that is still open ends immediately.
    pub stopping: CancellationToken,
}

/// The dependencies that differ between `main` and tests.
pub struct Dependencies {
    /// The clock.
    pub clock: Clock,
    /// The random number generator.
    pub random: Random,
    /// The configured models.
    pub models: Models,
    /// The secrets that sign tokens and hash API keys.
    pub secrets: Secrets,
}

impl App {
    /// Builds the application on a connected database.
    ///
    /// # Errors
    /// INTERNAL if the system has no randomness for a salt, or the URL of Redis is invalid.
    pub fn new(config: Config, db: Db, outside: Dependencies) -> Result<Self, Error> {
        let Dependencies { clock, random, models, secrets } = outside;
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let id = random.hex128();
        let hash = |purpose| {
            KeyedHash::new(secrets.hashing.expose_secret().as_bytes(), purpose).map_err(|error| Error::internal(error))
        };
        let redis = Some(&config.cluster.redis).filter(|url| !url.expose_secret().is_empty());
        let bus = match redis {
            Some(url) => {
                Bus::redis(cluster::Settings { url, server: &id, hash: hash("jeton: what servers count together")? })?
            }
            None => Bus::local(),
        };
        let names = IssuerConfig { issuer: named(&config.auth.issuer), audience: named(&config.auth.audience) };
        let (streams, stopping) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self(Arc::new(AppInner {
            user_watch: UserWatch::new(db.clone(), streams.clone(), stopping.clone()),
            metrics: Metrics::new(db.batches()),
            webhooks: Webhooks::new(&config.webhooks, Tokens(config.notices.low_balance), random.clone()),
            db,
            clock,
            random,
            hasher: Hasher::new(config.auth.hashing_threads, config.auth.max_queued_hashes)?,
            keys: KeyRing::new(&secrets.signing, names),
            api_key_hasher: hash("jeton: API keys and calls")?,
            encryption: Encryption::new(secrets.for_encryption())?,
            catalog: Catalog::new(models),
            credential_cache: credential_cache(),
            price_cache: PriceCache::default(),
            chat_reads: moka::sync::Cache::builder().max_capacity(MAX_CHAT_READS).build(),
            id,
            peer_count: AtomicUsize::new(0),
            login_throttle: LoginThrottle::new(&config.auth, bus.clone()),
            rate_limits: RateLimits::new(&config.limits, bus.clone()),
            bus,
            turn_permits: ConcurrencyLimit::new(config.turns.open_per_user, config.turns.open_per_server),
            sockets: ConcurrencyLimit::new(config.http.max_connections_per_address, config.http.max_connections),
            user_streams: ConcurrencyLimit::new(config.graphql.streams_per_user, usize::MAX),
            bodies: Bodies::new(
                config.http.body_timeout,
                config.http.max_inflight_body_bytes,
                config.http.max_inflight_body_bytes_per_client,
                config.http.body_bytes_per_second_per_client,
            ),
            replay_cache: Arc::new(ReplayCache::new(config.v1.max_replay_bytes, config.v1.max_replay_bytes_per_user)),
            tasks: TaskTracker::new(),
            connections: TaskTracker::new(),
            streams,
            stopping,
            running: RunningConfig::new(config),
        })))
    }

    /// Connects to the configured database and builds the application with the system's clock and randomness.
    ///
    /// # Errors
    /// INTERNAL, with a source that describes the fault of the database or the signing key.
    pub async fn open(config: Config, models: Models) -> Result<Self, Error> {
        let random = Random::system();
        let secrets = Secrets::open(&config, &random)?;
        let config::Database { max_connections, acquire_timeout, .. } = config.database;
        let db = Db::connect_within(&config.database_url(), max_connections, acquire_timeout).await?;
        Self::new(config, db, Dependencies { clock: Clock::system(), random, models, secrets })
    }

    /// Returns the configuration in force. A caller that looks at it twice keeps it, since a reload may change it in between.
    pub fn config(&self) -> Arc<Config> {
        self.running.get()
    }

    /// Makes this the configuration in force, and sets the limits that were built from it. The models are those of
    /// [`AppInner::catalog`].
    pub fn reconfigure(&self, config: Config) {
        self.rate_limits.reconfigure(&config.limits);
        self.turn_permits.reconfigure(config.turns.open_per_user, config.turns.open_per_server);
        self.user_streams.reconfigure(config.graphql.streams_per_user, usize::MAX);
        self.running.replace(config);
    }

    /// Returns the models as of now. A caller that looks at them twice keeps them, since they may change in between.
    pub fn models(&self) -> Arc<Models> {
        self.catalog.models()
    }

    /// Reloads the signing keys if they have been rotated, and returns whether they have. A thread for blocking work reads
    /// the file.
    pub async fn reload_keys(&self) -> bool {
        let config = self.config();
        let read = tokio::task::spawn_blocking(move || Secrets::reload(&config)).await;
        match read.unwrap_or_else(|error| Err(Error::internal(error))) {
            Ok(Some(secrets)) if self.keys.replace(&secrets.signing) => {
                if let Err(error) = self.encryption.replace(secrets.for_encryption()) {
                    tracing::error!(?error, "the keys of encryption can't be derived");
                }
                let signs = secrets.signing.first().map(|key| key.id.as_str()).unwrap_or_default();
                tracing::info!(signs, keys = secrets.signing.len(), "signing keys reloaded");
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(?error, "signing keys reload failed; the previous keys stay in use");
                false
            }
        }
    }
}

impl Deref for App {
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.0
    }
}
