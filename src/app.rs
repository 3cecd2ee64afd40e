//! [`App`]: everything that the rooms need, built the same way by `main` and by tests.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::clock::Clock;
use crate::core::credential_cache::{CredentialCache, credential_cache};
use crate::core::error::Error;
use crate::core::jwt::{IssuerConfig, KeyRing};
use crate::core::keyed_hash::KeyedHash;
use crate::core::password::Hasher;
use crate::core::random::Random;
use crate::core::replay_log::ReplayCache;
use crate::core::request_body::Bodies;
use crate::core::throttle::ConcurrencyLimit;
use crate::core::viewer::ClientIp;
use crate::infra::ai;
use crate::infra::catalog::Models;
use crate::infra::cluster::{self, Bus};
use crate::infra::config::{self, Config};
use crate::infra::db::Db;
use crate::infra::metrics::Metrics;
use crate::infra::secrets::Secrets;
use crate::infra::throttle::{LoginThrottle, RateLimits};

/// The running application. Clones are the same one.
#[derive(Clone)]
pub struct App(Arc<AppInner>);

/// What an [`App`] is made of.
pub struct AppInner {
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
    pub keys: KeyRing,
    /// Hashes of API keys, and of the calls of programs.
    pub api_key_hasher: KeyedHash,
    /// The models that answer.
    pub models: Models,
    /// Credentials that were valid a moment ago.
    pub credential_cache: CredentialCache,
    /// News between parts and servers.
    pub bus: Bus,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// Which server this is: a name that no other one has, and that is new with every start.
    pub id: String,
    /// How many other servers use the database, where they have no common bus; known by [`crate::domain::membership`].
    pub peer_count: AtomicUsize,
    /// Wrong passwords.
    pub login_throttle: LoginThrottle,
    /// Open turns.
    pub turn_permits: ConcurrencyLimit<i64>,
    /// Sockets, by address.
    pub sockets: ConcurrencyLimit<Option<ClientIp>>,
    /// Sockets and streams, by user.
    pub user_streams: ConcurrencyLimit<i64>,
    /// What may be done in a time.
    pub rate_limits: RateLimits,
    /// Request bodies under way.
    pub bodies: Bodies,
    /// Answers of calls with an idempotency key, by chat, for those who try again.
    pub replay_cache: Arc<ReplayCache<ai::Event>>,
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
pub struct Dependencies {
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
    pub fn new(config: Config, db: Db, outside: Dependencies) -> Result<Self, Error> {
        let Dependencies { clock, random, models, secrets } = outside;
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
        let names = IssuerConfig { issuer: named(&config.auth.issuer), audience: named(&config.auth.audience) };
        Ok(Self(Arc::new(AppInner {
            metrics: Metrics::new(db.batches()),
            db,
            clock,
            random,
            hasher: Hasher::new(config.auth.hashing_threads, config.auth.max_queued_hashes)?,
            keys: KeyRing::new(&secrets.signing, names),
            api_key_hasher: hash("jeton: API keys and calls")?,
            models,
            credential_cache: credential_cache(),
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
        Self::new(config, db, Dependencies { clock: Clock::system(), random, models, secrets })
    }

    /// Takes up the signing keys of the file, where they have been rotated. A thread for blocking work reads it.
    pub async fn reload_keys(&self) {
        let config = self.clone();
        let read = tokio::task::spawn_blocking(move || Secrets::reload(&config.config)).await;
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
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.0
    }
}
