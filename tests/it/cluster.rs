//! Several servers on one database: with Redis, without it, and while it is unavailable and recovers.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use jeton::app::App;
use jeton::core::keyed_hash::KeyedHash;
use jeton::core::random::Random;
use jeton::domain::chat::{self, ReplyStreamItem};
use jeton::domain::membership;
use jeton::infra::cluster::{Bus, BusEvent, Settings};
use jeton::infra::entity::cluster_member;
use jeton::server::BoundListener;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::reply_stream::{newest, start, viewer, whole};
use crate::support::installation::{Installation, client};
use crate::support::socket::{Events, Socket};
use crate::support::{Client, On, PASSWORD, Step, TestApp};

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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn parts_come_live_from_another_server_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let mia = servers.one.user("mia").await;
    let viewer = viewer(&servers.one, &mia).await;
    let gate = Arc::new(Semaphore::new(0));
    let pieces = ["Zwölf ", "Boxkämpfer ", "🥊 ", "jagen ", "Viktor"];
    let mut script = vec![Step::Say("Vorher. ")];
    script.extend(pieces.iter().flat_map(|piece| [Step::Wait(gate.clone()), Step::Say(piece)]));
    script.extend([Step::Wait(gate.clone()), Step::End(None)]);
    servers.one.model.play(script);
    let watching = servers.serve_two().await;
    let mut balance =
        Events::open(watching, mia.access.as_deref(), "subscription { balanceChanged { tokens held } }", json!({}))
            .await;
    balance.hear().await;
    let begun = Instant::now();
    start(&mia).await;
    let id = newest(&servers.one, viewer).await;
    assert_eq!(balance.hear().await["data"]["balanceChanged"], json!({ "tokens": 3900, "held": 100 }));
    let mut feed = Box::pin(chat::follow(&servers.two, viewer.require_read().unwrap(), id, 0).await.unwrap());
    let mut position = 0;
    // None of this is in the database: the other server sends it again.
    for piece in ["Vorher. "].iter().chain(&pieces) {
        let asked = Instant::now();
        let Some(Ok(ReplyStreamItem::Delta(delta))) = feed.next().await else { panic!("a part") };
        assert_eq!((delta.offset, delta.text.as_str()), (position, *piece));
        assert!(asked.elapsed() < LIVE, "{piece} took {:?}", asked.elapsed());
        position = delta.end;
        gate.add_permits(1);
    }
    let Some(Ok(ReplyStreamItem::Ended(ended))) = feed.next().await else { panic!("an end") };
    assert_eq!(ended.chat.response, format!("Vorher. {}", pieces.concat()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(balance.hear().await["data"]["balanceChanged"], json!({ "tokens": 3900, "held": 0 }));
    // No server receives its own messages.
    let mut own = Box::pin(chat::follow(&servers.one.app, viewer.require_read().unwrap(), id, 0).await.unwrap());
    assert!(matches!(own.next().await, Some(Ok(ReplyStreamItem::Delta(all))) if all.text == ended.chat.response));
    let health = servers.two.bus.health().unwrap();
    assert!(health.received >= 7 && health.dropped == 0 && health.connections == 1, "{health:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_from_another_server_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let mia = servers.one.user("mia").await;
    servers.one.model.play([Step::Say("Half"), Step::Hang]);
    let id = start(&mia).await;
    let stop =
        "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status response cost } errors { code } } }";
    let begun = Instant::now();
    let stopped = servers.at_two(&mia).data(stop, json!({ "id": id })).await["stopMessage"].take();
    assert_eq!(stopped, json!({ "chat": { "status": "STOPPED", "response": "Half", "cost": 100 }, "errors": [] }));
    assert!(begun.elapsed() < LIVE, "{:?}", begun.elapsed());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_elsewhere_close_sockets_here_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let (mia, tom) = (servers.one.user("mia").await, servers.one.user("tom").await);
    let boss = servers.one.superuser("boss").await;
    let address = servers.serve_two().await;
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    let mut stream =
        Events::open(address, mia.access.as_deref(), "subscription { balanceChanged { tokens } }", json!({})).await;
    stream.hear().await;
    let mut other = Socket::begin(address, tom.access.as_deref()).await;
    // Both topics are subscribed before a message is published on each.
    other.subscribe("1", "subscription { balanceChanged { tokens } }", json!({})).await;
    other.hear_next("1").await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    let begun = Instant::now();
    mia.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
    assert_eq!(socket.closed().await.0, 4403);
    let refused = stream.hear().await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(servers.at_two(&mia).post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);

    let begun = Instant::now();
    let deactivate = "mutation($id: ID!) { updateUser(input: {userId: $id, active: false}) { errors { code } } }";
    let id = tom.global_id().await;
    let done = boss.data(deactivate, json!({ "id": id })).await;
    assert_eq!(done["updateUser"]["errors"], json!([]));
    assert_eq!(other.closed().await.0, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_counted_together_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let limits = "limits.messages_per_minute_per_user = 3\nauth.login_attempts_before_delay = 3";
    let servers = Two::start(on, &over(&redis(), limits)).await;
    let mia = servers.one.user("mia").await;
    let elsewhere = servers.at_two(&mia);
    let sent = |payload: &Value| payload["errors"][0]["code"].as_str().unwrap_or("sent").to_owned();
    assert_eq!(sent(&mia.say("echo", "one").await), "sent");
    assert_eq!(sent(&elsewhere.say("echo", "two").await), "sent");
    assert_eq!(sent(&mia.say("echo", "three").await), "sent");
    assert_eq!(sent(&elsewhere.say("echo", "four").await), "RATE_LIMITED");
    assert_eq!(sent(&mia.say("echo", "five").await), "RATE_LIMITED");
    let tom = servers.one.user("tom").await;
    assert_eq!(sent(&servers.at_two(&tom).say("echo", "Somebody else").await), "sent");

    // Failed log-ins of one username: three without a delay, then every attempt is delayed on each server.
    let log_in = async |client: &Client, name: &str, password: &str| {
        let answer = client.post("/api/token/", json!({ "username": name, "password": password })).await;
        answer.status.as_u16()
    };
    let (here, there) = (servers.one.anonymous(), servers.at_two(&servers.one.anonymous()));
    for server in [&here, &there, &here, &there] {
        assert_eq!(log_in(server, "mia", "wrong").await, 401);
    }
    assert_eq!(log_in(&here, "mia", PASSWORD).await, 429);
    assert_eq!(log_in(&there, "mia", PASSWORD).await, 429);
    assert_eq!(log_in(&there, "tom", PASSWORD).await, 200);
    servers.one.clock.advance(Duration::from_secs(2));
    assert_eq!(log_in(&here, "mia", PASSWORD).await, 200, "the wait has an end");
    for server in [&there, &here, &there] {
        assert_eq!(log_in(server, "mia", "wrong").await, 401, "and a success forgets");
    }
    // Redis does not receive the usernames.
    let mut connection = ::redis::Client::open(redis()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.iter().any(|key| key.contains("guesses by name")), "{keys:?}");
    assert!(!keys.iter().any(|key| key.contains("mia") || key.contains("tom")), "{keys:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn api_keys_and_addresses_are_counted_together_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let limits = "limits.messages_per_minute_per_key = 2\nlimits.registrations_per_hour_per_address = 100
        limits.registration_burst_per_address = 2
        limits.refreshes_per_minute_per_address = 2\nhttp.trusted_proxies = ['127.0.0.0/8']";
    let servers = Two::start(on, &over(&redis(), limits)).await;
    let mia = servers.one.user("mia").await;
    let create = "mutation { createApiKey(input: {name: \"k\", scopes: [COMPLETIONS]}) { secret } }";
    let key = mia.data(create, json!({})).await["createApiKey"]["secret"].as_str().unwrap().to_owned();
    let bases = [servers.one.serve().await, servers.serve_two().await].map(|address| format!("http://{address}"));
    let post = async |server: usize, path: &str, body: Value| {
        let request = client().post(format!("{}{path}", bases[server])).json(&body).bearer_auth(&key);
        request.header("x-forwarded-for", "203.0.113.7").send().await.unwrap().status().as_u16()
    };
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "Hi" }] });
    for (server, status) in [(0, 200), (1, 200), (0, 429), (1, 429)] {
        assert_eq!(post(server, "/v1/chat/completions", call.clone()).await, status);
    }
    for (server, name, status) in [(0, "a", 201), (1, "b", 201), (0, "c", 429), (1, "d", 429)] {
        let body = json!({ "username": name, "password": PASSWORD, "password2": PASSWORD });
        assert_eq!(post(server, "/api/register/", body).await, status, "{name}");
    }
    let refresh = json!({ "refresh": mia.refresh });
    for (server, status) in [(1, 200), (0, 200), (1, 429), (0, 429)] {
        assert_eq!(post(server, "/api/token/refresh/", refresh.clone()).await, status);
    }
}

/// An attacker who can write to Redis can delay users up to the configured limits, but no longer, and gets nothing for
/// free.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_writes_into_redis_blocks_nobody_for_long() {
    let own = OwnRedis::start();
    let limits =
        "limits.messages_per_minute_per_user = 3\nauth.login_attempts_before_delay = 3\nauth.login_max_delay = '1m'";
    let servers = Two::start(On::Sqlite, &over(&own.url(), limits)).await;
    let mia = servers.one.user("mia").await;
    let log_in = async |password: &str| {
        let body = json!({ "username": "mia", "password": password });
        let answer = servers.one.anonymous().post("/api/token/", body).await;
        (answer.status.as_u16(), answer.headers.get("retry-after").map(|wait| wait.to_str().unwrap().to_owned()))
    };
    assert_eq!(log_in("wrong").await.0, 401);
    assert_eq!(mia.say("echo", "one").await["errors"], json!([]));
    let mut connection = ::redis::Client::open(own.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    for value in ["9e300", "1e18", "-9e300", "inf", "nan", "-nan", "", "x"] {
        for key in &keys {
            let kind: String = ::redis::cmd("TYPE").arg(key).query_async(&mut connection).await.unwrap();
            let () = match kind.as_str() {
                "hash" => {
                    let set = ::redis::cmd("HSET").arg(key).arg("count").arg(value).arg("until").arg(value).clone();
                    set.query_async(&mut connection).await.unwrap()
                }
                _ => ::redis::cmd("SET").arg(key).arg(value).query_async(&mut connection).await.unwrap(),
            };
        }
        let (status, wait) = log_in("wrong").await;
        let wait: u64 = wait.map_or(0, |wait| wait.parse().unwrap());
        assert!(matches!(status, 401 | 429) && wait <= 60, "{value}: {status}, {wait}");
        let sent = mia.post("/api/chat/", json!({ "message": "again" })).await;
        let wait = sent.headers.get("retry-after").map_or(0, |wait| wait.to_str().unwrap().parse().unwrap());
        assert!(matches!(sent.status.as_u16(), 200 | 201 | 429) && wait <= 60, "{value}: {}, {wait}", sent.status);
        servers.one.clock.advance(Duration::from_secs(120));
    }
    assert_eq!(servers.one.app.bus.health().unwrap().counted_alone, 0, "Redis has decided each");
}

/// Returns the readiness of a server, and whether it reports the bus as down.
async fn ready(client: &Client) -> (u16, bool) {
    let answer = client.get("/readyz").await;
    assert!(answer.text.starts_with("ready\n"), "{}", answer.text);
    (answer.status.as_u16(), answer.text.contains("the bus is down"))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_and_started_again_and_no_part_is_lost(#[values(On::Sqlite, On::Postgres)] on: On) {
    let mut own = OwnRedis::start();
    let servers = Two::start(on, &over(&own.url(), "").replace("'10s'", "'50ms'")).await;
    let mia = servers.one.user("mia").await;
    let (viewer, elsewhere) = (viewer(&servers.one, &mia).await, servers.at_two(&mia));
    let gate = Arc::new(Semaphore::new(0));
    let pieces: Vec<String> = (0..60).map(|number| format!("part {number}, ")).collect();
    let text = pieces.concat();
    let mut script: Vec<_> =
        pieces.into_iter().flat_map(|piece| [Step::Wait(gate.clone()), Step::Say(piece.leak())]).collect();
    script.push(Step::End(None));
    servers.one.model.play(script);
    start(&mia).await;
    let id = newest(&servers.one, viewer).await;
    let following = tokio::spawn({
        let two = servers.two.clone();
        async move { whole(chat::follow(&two, viewer.require_read().unwrap(), id, 0).await.unwrap(), 0).await }
    });
    let say = async |count| {
        for _ in 0..count {
            gate.add_permits(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Sending continues without a delay.
    let send = async |client: &Client| {
        let begun = Instant::now();
        let sent = client.say("echo", "Hello").await;
        assert_eq!((&sent["errors"], &sent["chat"]["status"]), (&json!([]), &json!("DONE")));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    };
    assert_eq!(ready(&elsewhere).await, (200, false));
    say(15).await;
    send(&mia).await;
    own.kill();
    say(5).await;
    send(&elsewhere).await;
    servers.becomes(false).await;
    assert_eq!(ready(&elsewhere).await, (200, true));
    say(10).await;
    send(&mia).await;
    own.again();
    servers.becomes(true).await;
    assert_eq!(ready(&elsewhere).await, (200, false));
    say(10).await;
    // This time it only hangs.
    own.signal(Signal::SIGSTOP);
    say(10).await;
    send(&elsewhere).await;
    send(&mia).await;
    servers.becomes(false).await;
    send(&mia).await;
    own.signal(Signal::SIGCONT);
    servers.becomes(true).await;
    say(10).await;
    gate.add_permits(1);
    let (told, ended) = following.await.unwrap();
    assert_eq!((told.as_str(), ended.chat.response.as_str()), (text.as_str(), text.as_str()));
    let health = servers.two.bus.health().unwrap();
    assert!(health.connections >= 3 && health.counted_alone > 0, "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_keeps_nobody_from_starting() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app =
        TestApp::with(On::Sqlite, &over(&format!("redis://{nobody}"), "limits.messages_per_minute_per_user = 2")).await;
    let mia = app.user("mia").await;
    let code = async || mia.say("echo", "Hello").await["errors"][0]["code"].clone();
    assert_eq!((code().await, code().await), (Value::Null, Value::Null));
    assert_eq!(code().await, "RATE_LIMITED", "by the server's own count");
    assert_eq!(ready(&mia).await, (200, true));
    eventually("news are dropped", || app.app.bus.health().unwrap().dropped > 0).await;
}

#[tokio::test]
async fn strangers_on_the_same_redis_hear_nothing() {
    let (url, own) = (redis().into(), Random::system().hex128());
    let bus = |server: &str, secret: &str| {
        let hash = KeyedHash::new(format!("{own} {secret}").as_bytes(), "test").unwrap();
        Bus::redis(Settings { url: &url, server, hash }).unwrap()
    };
    let (one, two, stranger) = (bus("one", "a"), bus("two", "a"), bus("three", "b"));
    let mut heard = [two.subscribe("t"), two.subscribe("all:t")];
    let mut strange = [stranger.subscribe("t"), stranger.subscribe("all:t")];
    // Notified once the channel is open.
    assert_eq!(heard[0].next().await, BusEvent::Lagged);
    assert_eq!(strange[0].next().await, BusEvent::Lagged);
    eventually("all are there", || [&one, &two, &stranger].iter().all(|bus| bus.health().unwrap().is_up)).await;
    for topic in ["t", "all:t", "nobody's"] {
        one.publish(topic, || format!("of {topic}, with \0").into_bytes());
    }
    one.sent().await;
    assert_eq!(heard[0].next().await, BusEvent::Message(b"of t, with \0"[..].into()));
    assert_eq!(heard[1].next().await, BusEvent::Message(b"of all:t, with \0"[..].into()));
    stranger.publish("t", || b"own".to_vec());
    assert_eq!(strange[0].next().await, BusEvent::Message(b"own"[..].into()), "and of the others nothing");
    let nothing = tokio::time::timeout(Duration::from_millis(100), strange[1].next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let again = tokio::time::timeout(Duration::from_millis(100), strange[0].next()).await;
    assert!(again.is_err(), "what it said itself comes once: {again:?}");
    // A subscriber of an open channel receives messages immediately; after it was closed, a new one is notified when it
    // is open again.
    let mut beside = two.subscribe("t");
    one.publish("t", || b"more".to_vec());
    assert_eq!(beside.next().await, BusEvent::Message(b"more"[..].into()));
    drop((heard, beside));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut late = two.subscribe("t");
    assert_eq!(late.next().await, BusEvent::Lagged);
    one.publish("t", || b"again".to_vec());
    assert_eq!(late.next().await, BusEvent::Message(b"again"[..].into()));
    one.sent().await;
    assert_eq!(one.health().unwrap().sent, 5);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_without_a_bus_is_seen_and_warned_of(#[values(On::Sqlite, On::Postgres)] on: On) {
    let installation =
        Installation::new(on, &[("JETON_TURNS__LEASE", "1s"), ("JETON_LOG__FILTER", "jeton=warn")]).await;
    let log = installation.data.path().join("log");
    let ready = async |url: &str| {
        let answer = client().get(format!("{url}/readyz")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let becomes = async |url: &str, expected: &str| {
        let begun = Instant::now();
        while ready(url).await != expected {
            assert!(begun.elapsed() < Duration::from_secs(20), "{expected:?}, not {:?}", ready(url).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // A server that is killed and restarted is one member, not two.
    installation.serve().kill();
    let one = installation.serve_with_log(std::fs::File::create(&log).unwrap().into());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(ready(&one.url).await, "ready\n");
    let two = installation.serve();
    let warned = "ready\nother servers on this database: 1, without a common bus (cluster.redis is empty)\n";
    becomes(&one.url, warned).await;
    becomes(&two.url, warned).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let told = std::fs::read_to_string(&log).unwrap();
    let warnings = told.matches("another server uses this database without a common bus").count();
    assert_eq!(warnings, 1, "{told}");
    assert!(two.terminate());
    becomes(&one.url, "ready\n").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_died_are_forgotten(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let at = |app: &App, address: &str| {
        let now = app.clock.now();
        cluster_member::Model {
            id: app.id.clone(),
            started_at: now,
            seen_at: now,
            version: "1".to_owned(),
            address: address.to_owned(),
        }
    };
    let (one, two) = (app.app.clone(), app.second_server());
    let (first, second) = (at(&one, "a"), at(&two, "b"));
    let addresses =
        |servers: Vec<cluster_member::Model>| servers.into_iter().map(|server| server.address).collect::<Vec<_>>();
    assert_eq!(addresses(membership::send_heartbeat(&one, &first).await.unwrap()), [""; 0]);
    app.clock.advance(Duration::from_secs(15));
    membership::send_heartbeat(&two, &second).await.unwrap();
    assert_eq!(addresses(membership::send_heartbeat(&one, &first).await.unwrap()), ["b"]);
    app.clock.advance(Duration::from_secs(20));
    assert_eq!(addresses(membership::send_heartbeat(&two, &second).await.unwrap()), ["a"]);
    app.clock.advance(Duration::from_secs(20));
    assert_eq!(
        addresses(membership::send_heartbeat(&two, &second).await.unwrap()),
        [""; 0],
        "no sign of life for a lease"
    );
    let rows = cluster_member::Entity::find().all(app.app.db.read()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].address.as_str(), rows[0].started_at), ("b", second.started_at));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_says_so_and_still_answers(#[values(On::Sqlite, On::Postgres)] on: On) {
    let installation = Installation::new(on, &[("JETON_HTTP__SHUTDOWN_DELAY", "2s")]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let (url, begun) = (server.url.clone(), Instant::now());
    let ending = tokio::task::spawn_blocking(move || server.terminate());
    let drained = async {
        loop {
            let answer = client().get(format!("{url}/readyz")).send().await.unwrap();
            if answer.status() == 503 {
                return answer.text().await.unwrap();
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(1), drained).await.unwrap(), "shutting down\n");
    let sent = client().post(format!("{url}/api/chat/")).bearer_auth(access).json(&json!({ "message": "Hello" }));
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 200, "whoever has not heard yet is answered");
    assert!(ending.await.unwrap());
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(installation.ok(&["verify"]).contains("clean"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_heard_by_servers_over_redis(#[values(On::Sqlite, On::Postgres)] on: On) {
    let redis = redis();
    let installation = Installation::new(on, &[("JETON_CLUSTER__REDIS", &redis)]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut socket = Socket::begin(address, Some(&access)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    installation.ok(&["user", "deactivate", "mia"]);
    let begun = Instant::now();
    assert_eq!(socket.closed().await.0, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let shown = installation.ok(&["config", "show"]);
    assert!(shown.contains("[cluster]"), "{shown}");
}

#[tokio::test]
async fn the_password_of_redis_is_not_shown() {
    let url = "rediss://me:secretsecret@redis.example:6379";
    let installation = Installation::new(On::Sqlite, &[("JETON_CLUSTER__REDIS", url)]).await;
    let shown = installation.ok(&["config", "show"]);
    assert!(shown.contains("rediss://(hidden)@redis.example:6379") && !shown.contains("secretsecret"), "{shown}");
    let told = |value: &str| {
        let mut command = installation.command(&["config", "check"]);
        let output = command.env("JETON_CLUSTER__REDIS", value).output().unwrap();
        assert!(!output.status.success(), "{value}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told("secretsecret").contains("cluster.redis: an address is needed"));
    assert!(!told("http://me:secretsecret@x").contains("secretsecret"));
    assert!(told("12345").contains("cluster.redis: text is needed"));
}
