//! The fixture: the same `App` as `main` builds, with a manual clock, seeded randomness and scripted models. On drop it
//! verifies the ledger.

pub mod client;
pub mod django;
pub mod installation;
pub mod proxy;
pub mod scripted;
pub mod socket;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, Utc};
use jeton::app::{App, Dependencies};
use jeton::core::clock::Clock;
use jeton::core::ids::SessionId;
use jeton::core::pagination::TimeRange;
use jeton::core::price::Price;
use jeton::core::random::Random;
use jeton::core::viewer::{Actor, ClientInfo, Credential, Identity, Viewer};
use jeton::domain::account::Roles;
use jeton::domain::account::admin;
use jeton::domain::{ledger, pricing, session};
use jeton::infra::ai::SharedProvider;
use jeton::infra::ai::echo::Echo;
use jeton::infra::ai::upstream::{ChatCompletions, Params, Protocol, Remote, Settings, UpstreamConfig};
use jeton::infra::catalog::{Model, Models, Origin};
use jeton::infra::config::Config;
use jeton::infra::db::Db;
use jeton::infra::secrets::Secrets;
use jeton::server;
use jeton::server::BoundListener;
use rstest_reuse::template;
use sea_orm::ConnectionTrait;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use self::client::Client;
pub use self::scripted::{Scripted, Step};

/// A valid password.
pub const PASSWORD: &str = "tr0ub4dor&3-staple";

/// The database of a test. Without PostgreSQL, `make test` skips the tests with `postgres` in their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// Runs a test once on each database, in a runtime of several threads: `#[apply(on_both_databases)]`, for an `async fn`
/// with an argument `on: On`. Cases and values are as with `rstest`.
#[template]
#[rstest::rstest]
#[test_attr(tokio::test(flavor = "multi_thread"))]
pub async fn on_both_databases(#[values(On::Sqlite, On::Postgres)] on: On) {}

pub struct TestApp {
    pub app: App,
    pub router: Router,
    pub clock: Clock,
    /// The provider of the models `scripted` (flat price) and `metered`.
    pub model: Scripted,
    pub place: Place,
}

/// The data of one test, deleted at its end.
pub enum Place {
    Sqlite(tempfile::TempDir),
    Postgres { server: String, name: String },
}

impl TestApp {
    pub async fn start(on: On) -> Self {
        Self::with(on, "").await
    }

    /// Starts with this TOML as overrides of the default configuration.
    pub async fn with(on: On, toml: &str) -> Self {
        Self::with_provider(on, toml, Arc::new(Echo)).await
    }

    /// Starts with this provider as the model `upstream`.
    pub async fn with_provider(on: On, toml: &str, upstream: SharedProvider) -> Self {
        let place = Place::make(on).await;
        let url = place.url();
        Self::at(place, &url, toml, upstream).await
    }

    /// Starts on this place, with this database URL.
    pub async fn at(place: Place, url: &str, toml: &str, upstream: SharedProvider) -> Self {
        // For clients of tests; whichever test runs first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut config = Config::from_toml(toml).unwrap();
        config.auth.secret = "a signing key for tests, and for tests only".into();
        config.database.url = url.into();
        let db = Db::connect_within(url, 8, config.database.acquire_timeout).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::manual(DateTime::<Utc>::from_str("2026-03-01T12:00:00.123456Z").unwrap());
        let model = Scripted::default();
        let outside = Dependencies {
            clock: clock.clone(),
            random: Random::seeded(1),
            models: models(&model, upstream),
            secrets: Secrets::open(&config, &Random::seeded(1)).unwrap(),
        };
        let app = App::new(config, db, outside).unwrap();
        // As a server does when it starts.
        pricing::store_all(&app).await.unwrap();
        Self { router: server::router(&app), app, clock, model, place }
    }

    /// Returns the viewer of a client.
    pub async fn viewer(&self, client: &Client) -> Viewer {
        let token = client.access.as_deref().unwrap();
        Viewer::User(session::authenticate(&self.app, token).await.unwrap())
    }

    /// Returns a client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(self.router.clone(), None)
    }

    /// Returns whether a user is staff now.
    pub async fn is_staff(&self, client: &Client) -> bool {
        admin::find(&self.app, Actor::CommandLine, client.user_id()).await.unwrap().is_staff
    }

    /// Creates a plain user with a session.
    pub async fn user(&self, name: &str) -> Client {
        self.person(name, Roles::default()).await
    }

    pub async fn staff(&self, name: &str) -> Client {
        self.person(name, Roles { is_staff: true, is_superuser: false }).await
    }

    pub async fn superuser(&self, name: &str) -> Client {
        self.person(name, Roles { is_staff: true, is_superuser: true }).await
    }

    async fn person(&self, name: &str, roles: Roles) -> Client {
        let user = admin::create(&self.app, Actor::CommandLine, name, PASSWORD.into(), roles, None).await.unwrap();
        let logged_in =
            session::create(&self.app, user, &ClientInfo { address: None, user_agent: Some("test".to_owned()) })
                .await
                .unwrap();
        Client::new(self.router.clone(), Some(logged_in))
    }

    /// Serves on a port of its own, for clients that need a connection.
    pub async fn serve(&self) -> std::net::SocketAddr {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (app, router) = (self.app.clone(), self.router.clone());
        tokio::spawn(async move {
            server::serve(&app, BoundListener { socket, certificate: None }, router, CancellationToken::new()).await
        });
        address
    }

    /// Waits until no turn is running.
    pub async fn settled(&self) {
        let timeout = Duration::from_secs(20);
        let idle = async {
            while self.app.turn_permits.taken() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(timeout, idle).await.expect("turns end");
    }

    /// Returns all ledger entries of a user, oldest first: reason and amount.
    pub async fn ledger(&self, client: &Client) -> Vec<(String, i64)> {
        let page = jeton::core::pagination::PageRequest::newest(100, None);
        let credential = Credential::Session(SessionId::default());
        let identity = Identity { id: client.user_id(), credential, is_staff: false, is_superuser: false };
        let reader = Viewer::User(identity).require_read().unwrap();
        let filter = ledger::EntryFilter::own(reader, None, TimeRange::default());
        let mut rows = ledger::history(&self.app.db, filter, page).await.unwrap().rows;
        rows.reverse();
        rows.into_iter().map(|entry| (format!("{:?}", entry.reason), entry.amount.0)).collect()
    }

    /// Returns the available and the held tokens of a user.
    pub async fn balance(&self, client: &Client) -> (i64, i64) {
        let balance = ledger::balance(&self.app.db, client.user_id()).await.unwrap();
        (balance.tokens.0, balance.held.0)
    }

    /// Returns a server with the same key, clock and models on another database, such as a copy.
    pub fn on(&self, db: Db) -> (App, Router) {
        let outside = Dependencies {
            clock: self.clock.clone(),
            random: Random::seeded(2),
            models: models(&self.model, Arc::new(Echo)),
            secrets: Secrets::open(&self.app.config(), &Random::seeded(1)).unwrap(),
        };
        let app = App::new(self.app.config().as_ref().clone(), db, outside).unwrap();
        (app.clone(), server::router(&app))
    }

    /// Returns a second server on the same database, with the same key, clock and models.
    pub fn second_server(&self) -> App {
        self.on(self.app.db.clone()).0
    }
}

fn models(scripted: &Scripted, upstream: SharedProvider) -> Models {
    let flat = Price::flat(100);
    let metered = Price::per_million(10_000, 30_000);
    let model = |name: &str, price, provider| Model {
        name: name.to_owned(),
        title: name.to_owned(),
        description: None,
        provider,
        price,
        max_output: 1024,
        concurrency: None,
        origin: Origin::default(),
    };
    let scripted = Arc::new(scripted.clone());
    Models::new(
        [
            model("echo", flat, Arc::new(Echo)),
            model("scripted", flat, scripted.clone()),
            model("metered", metered, scripted.clone()),
            Model { concurrency: Some(Arc::new(Semaphore::new(2))), ..model("narrow", flat, scripted) },
            model("upstream", flat, upstream.clone()),
            // One prepaid token per model token.
            model("by_unit", Price::per_million(1_000_000, 1_000_000), upstream.clone()),
            model("by_image", Price { per_image: 7, ..Price::flat(100) }, upstream),
        ],
        "echo",
    )
}

/// Returns a provider of OpenAI-compatible upstreams, called in this order.
pub fn openai(base_urls: &[&str], retries: u32) -> Remote {
    openai_with(base_urls, retries, |_| {})
}

/// Returns such a provider with changed settings.
pub fn openai_with(base_urls: &[&str], retries: u32, change: impl FnOnce(&mut Settings)) -> Remote {
    rustls::crypto::ring::default_provider().install_default().ok();
    let rules = jeton::infra::config::Params::default();
    let address = |base_url: &&str| UpstreamConfig {
        base_url: (*base_url).to_owned(),
        api_key: Some("sk-secret".into()),
        upstream_model: "gpt-test".to_owned(),
        ..UpstreamConfig::default()
    };
    let mut settings = Settings {
        protocol: Protocol::ChatCompletions(ChatCompletions::default()),
        upstreams: base_urls.iter().map(address).collect(),
        max_retries: retries,
        context_window: 16_384,
        units_per_image: 1000,
        max_tokens_param: None,
        circuit_cooldown: Duration::from_secs(30),
        params: Params::new(&rules.reject, &rules.allow, &rules.force, &rules.answers, &rules.tools),
    };
    change(&mut settings);
    Remote::new(settings).unwrap()
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                self.settled().await;
                assert_eq!(ledger::verify(&self.app.db).await.unwrap(), [], "the invariants of money hold");
                self.place.clear(&self.app.db).await;
            });
        });
    }
}

impl Place {
    pub async fn make(on: On) -> Self {
        if on == On::Sqlite {
            return Self::Sqlite(tempfile::tempdir().unwrap());
        }
        let server = std::env::var("JETON_TEST_POSTGRES")
            .expect("JETON_TEST_POSTGRES names a PostgreSQL server for tests; `make test` starts one");
        let name = format!("jeton_test_{}", Random::system().hex128());
        let admin = sea_orm::Database::connect(&server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        Self::Postgres { server, name }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(dir) => format!("sqlite://{}", dir.path().join("jeton.db").display()),
            Self::Postgres { server, name } => {
                let (base, _) = server.rsplit_once('/').unwrap();
                format!("{base}/{name}")
            }
        }
    }

    pub async fn clear(&self, db: &Db) {
        if let Self::Postgres { server, name } = self {
            db.read().clone().close().await.unwrap();
            let admin = sea_orm::Database::connect(server).await.unwrap();
            admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}
