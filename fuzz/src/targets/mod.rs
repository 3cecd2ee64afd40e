//! The fuzz targets: functions for each kind of untrusted input that panic if the response violates an invariant. The
//! fuzzer calls them with generated input, and the integration tests with all seeds.
//!
//! They run the whole server on a database of its own, with the echo model and a scripted upstream. Requests go through
//! the router without a network; the upstream is called by real HTTP.

mod django;
mod graphql;
mod rest;
mod upstream;
mod v1;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use chrono::DateTime;
use http_body_util::BodyExt;
use jeton::app::{App, Dependencies};
use jeton::core::clock::Clock;
use jeton::core::price::Price;
use jeton::core::random::Random;
use jeton::core::viewer::Actor;
use jeton::domain::account::{Roles, admin};
use jeton::domain::{ledger, session};
use jeton::infra::ai::echo::Echo;
use jeton::infra::ai::upstream::{ChatCompletions, Params, Protocol, Remote, Settings, UpstreamConfig};
use jeton::infra::catalog::{Model, Models};
use jeton::infra::config::Config;
use jeton::infra::db::Db;
use jeton::infra::secrets::Secrets;
use jeton::server;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::documents::{self, Schema};

/// A fuzz target.
pub type Target = fn(&mut Harness, &[u8]);

/// All fuzz targets, by the names of their seed directories.
pub const TARGETS: [(&str, Target); 8] = [
    ("cursors", Harness::cursors),
    ("django", Harness::django),
    ("graphql", Harness::graphql),
    ("jwt", Harness::jwt),
    ("rest", Harness::rest),
    ("streams", Harness::streams),
    ("upstream", Harness::upstream),
    ("v1", Harness::v1),
];

const PASSWORD: &str = "tr0ub4dor&3-staple";
const SIGNING_KEY: &str = "a signing key for tests, and for tests only";
/// A configuration under which no user runs out of tokens or is rate-limited.
const CONFIG: &str = "
    ledger.signup_grant = 1_000_000_000_000
    limits.messages_per_minute_per_user = 0
    limits.messages_per_minute_per_key = 0
    v1.store_api_messages = true
";
/// Timeout of a request or an import; no valid one takes this long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The harness: a whole server with a user and a superuser.
pub struct Harness {
    runtime: tokio::runtime::Runtime,
    app: App,
    router: Router,
    upstream: UpstreamResponse,
    user: String,
    root: String,
    logins: u32,
    imports: u32,
    data: tempfile::TempDir,
    schema: Schema,
}

/// The upstream's response: the size of its chunks in bytes, and its body.
type UpstreamResponse = Arc<Mutex<(usize, Vec<u8>)>>;

struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        let shown = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {shown}", self.status))
    }
}

impl Harness {
    /// Starts a harness with an empty database.
    pub fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::from_toml(CONFIG).unwrap();
        config.auth.secret = SIGNING_KEY.into();
        config.database.url = format!("sqlite://{}", data.path().join("jeton.db").display()).into();
        let upstream = UpstreamResponse::default();
        let app = runtime.block_on(async {
            let db = Db::connect(&config.database_url(), 2).await.unwrap();
            db.migrate().await.unwrap();
            let random = Random::seeded(1);
            let dependencies = Dependencies {
                clock: Clock::manual(DateTime::from_timestamp(1_772_366_400, 0).unwrap()),
                secrets: Secrets::open(&config, &random).unwrap(),
                random,
                models: models(serve_upstream(upstream.clone()).await),
            };
            App::new(config, db, dependencies).unwrap()
        });
        let router = server::router(&app);
        let (user, root) = (String::new(), String::new());
        let mut harness =
            Self { runtime, app, router, upstream, user, root, logins: 0, imports: 0, data, schema: Schema::new() };
        harness.log_in();
        harness
    }

    /// Verifies the ledger.
    ///
    /// # Panics
    /// If an invariant of the ledger is violated.
    pub fn verify(&self) {
        let findings = self.runtime.block_on(ledger::verify(&self.app.db)).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }

    /// Creates a new user and a new superuser, and logs them in: an input may have logged out, deactivated or deleted
    /// the previous ones.
    fn log_in(&mut self) {
        self.logins += 1;
        let (app, number) = (&self.app, self.logins);
        let log_in = async |name: &str, is_superuser| {
            let roles = Roles { is_staff: is_superuser, is_superuser };
            // Seeds use the first names; later ones are names that no import could have taken.
            let name = if number == 1 { format!("{name}1") } else { format!("{name}-{number}") };
            let user = admin::create(app, Actor::CommandLine, &name, PASSWORD.into(), roles, None).await.unwrap();
            session::create(app, user, &Default::default()).await.unwrap().access_token
        };
        (self.user, self.root) =
            self.runtime.block_on(async { (log_in("mia", false).await, log_in("root", true).await) });
    }

    /// Sends a request. Returns the response once all turns that it started have finished.
    fn send(&mut self, access: Option<&str>, mut request: Request<Body>) -> Answer {
        if let Some(access) = access {
            request.headers_mut().insert(AUTHORIZATION, format!("Bearer {access}").parse().unwrap());
        }
        let (router, app) = (self.router.clone(), self.app.clone());
        let answered = async {
            let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
            let body = body.collect().await.expect("the body is whole").to_bytes();
            while app.turn_permits.taken() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Answer { status: parts.status, body }
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, answered).await });
        answer.expect("an answer in time")
    }

    fn post(&mut self, access: Option<&str>, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(body.into()).unwrap();
        self.send(access, request)
    }

    /// Executes a GraphQL document. Returns the response with its cost, after checks that hold for any response.
    fn execute(&mut self, access: Option<&str>, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request =
            Request::post("/graphql").header(CONTENT_TYPE, "application/json").header("x-jeton-show-cost", "1");
        let answer = self.send(access, request.body(body.into()).unwrap());
        assert!(!answer.status.is_server_error(), "{}", answer.status);
        let answered = answer.json();
        assert!(answered.get("data").is_some() || answered["errors"][0].is_object(), "{answered}");
        for error in answered["errors"].as_array().into_iter().flatten() {
            assert!(error["message"].is_string(), "{answered}");
            let code = error["extensions"]["code"].as_str().expect("every error has a code");
            assert_ne!(code, "INTERNAL", "{answered}");
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            self.log_in();
        }
        answered
    }
}

/// Starts the upstream. Returns its base URL.
async fn serve_upstream(sent: UpstreamResponse) -> String {
    let answer = move || {
        let (size, text) = sent.lock().unwrap().clone();
        let chunks: Vec<_> = text.chunks(size.max(1)).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let body = Body::from_stream(futures::stream::iter(chunks));
        std::future::ready(([(CONTENT_TYPE, "text/event-stream")], body))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

/// Returns the models `echo`, at a flat price, and `upstream`, at one prepaid token per model token.
fn models(base_url: String) -> Models {
    let address =
        UpstreamConfig { base_url, api_key: None, upstream_model: "test".to_owned(), ..UpstreamConfig::default() };
    let rules = jeton::infra::config::Params::default();
    let upstream = Remote::new(Settings {
        protocol: Protocol::ChatCompletions(ChatCompletions::default()),
        upstreams: vec![address],
        max_retries: 0,
        context_window: 16_384,
        units_per_image: 1000,
        max_tokens_param: None,
        circuit_cooldown: Duration::ZERO,
        params: Params::new(&rules.reject, &rules.allow, &rules.force, &rules.answers, &rules.tools),
    });
    let flat = Price::flat(100);
    let metered = Price::per_million(1_000_000, 1_000_000);
    let model = |name: &str, provider, price| Model {
        name: name.to_owned(),
        title: name.to_owned(),
        description: None,
        provider,
        price,
        max_output: 1024,
        concurrency: None,
        origin: Default::default(),
    };
    Models::new([model("echo", Arc::new(Echo), flat), model("upstream", Arc::new(upstream.unwrap()), metered)], "echo")
}
