//! Several servers on one database: with Redis, without it, and while it is unavailable and recovers.

mod limits;
mod membership;
mod messages;
mod outages;

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jeton::app::App;
use jeton::core::random::Random;
use jeton::server::BoundListener;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, On, TestApp};

/// Upper bound of delivery by the bus; polling the database takes at least a second.
const LIVE: Duration = Duration::from_millis(700);

/// The settings of a separate cluster on this Redis, in which replies are not saved before their end.
fn over(redis: &str, more: &str) -> String {
    let own = Random::system().hex128();
    format!(
        "cluster.redis = '{redis}'\nauth.secret = 'replaced, since the fixture has its own'\nauth.api_key_pepper = '{own}'
        turns.save_interval = '10s'\n{more}"
    )
}

fn redis() -> String {
    std::env::var("JETON_TEST_REDIS").expect("JETON_TEST_REDIS names a Redis server for tests; `make test` starts one")
}

/// Two servers on one database, and the same user on both.
struct Two {
    one: TestApp,
    two: App,
}

impl Two {
    async fn start(on: On, toml: &str) -> Self {
        let one = TestApp::with(on, toml).await;
        let two = one.second_server();
        let both = Self { one, two };
        if both.two.bus.health().is_some() {
            both.becomes(true).await;
        }
        both
    }

    /// Waits until both servers are connected to Redis, or neither is.
    async fn becomes(&self, up: bool) {
        let so = || [&self.one.app, &self.two].into_iter().all(|app| app.bus.health().unwrap().is_up == up);
        eventually("both servers see it", so).await;
    }

    /// Returns the same user's client of the second server.
    fn at_two(&self, client: &Client) -> Client {
        let mut same = Client::new(jeton::server::router(&self.two), None);
        same.access = client.access.clone();
        same
    }

    async fn serve_two(&self) -> SocketAddr {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, app) = (socket.local_addr().unwrap(), self.two.clone());
        let router = jeton::server::router(&app);
        tokio::spawn(async move {
            jeton::server::serve(&app, BoundListener { socket, certificate: None }, router, CancellationToken::new())
                .await
        });
        address
    }
}

async fn eventually(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A Redis server of the test, which can be killed and restarted.
struct OwnRedis {
    port: u16,
    child: Child,
}

impl OwnRedis {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, child: Self::spawn(port) }
    }

    fn spawn(port: u16) -> Child {
        let program = ["redis-server", "valkey-server"].into_iter().find_map(|program| {
            Command::new(program)
                .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
                .stdout(Stdio::null())
                .spawn()
                .ok()
        });
        program.expect("redis-server is on PATH where JETON_TEST_REDIS is set by `make test`")
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn again(&mut self) {
        self.child = Self::spawn(self.port);
    }

    /// Suspends it, with its connections open, or resumes it.
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
