//! Metrics: values agree with what happened, and no label identifies a user.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use jeton::core::ids::ChatId;
use jeton::core::password::QueueKind;
use jeton::domain::chat::{self, ReplyStreamItem};
use jeton::server;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::installation::{Installation, client};
use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

/// Returns the metrics page as Prometheus scrapes it.
async fn page(app: &TestApp) -> String {
    let answer = Client::new(server::metrics::router(app.app.clone()), None).get("/metrics").await;
    let media_type = answer.headers["content-type"].to_str().unwrap();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"), "{media_type}");
    answer.text
}

/// Returns the value of a series by its exact text; 0 if there is none.
pub fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

/// Traffic of each kind: replies, a failure, errors over all transports, a flood, a stream.
async fn work(app: &TestApp) -> Client {
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    mia.say("echo", "one").await;
    app.model.play([Step::Fail]);
    mia.say("scripted", "two").await;
    mia.say("echo", " ").await;
    mia.graphql("{ users { nodes { id } } }", json!({})).await;
    mia.get("/api/nothing/").await;
    app.anonymous().get("/api/user/balance/").await;
    app.anonymous().post("/v1/chat/completions", json!({})).await;
    app.anonymous().get("/etc/passwd-of-mia").await;
    root.data("{ me { id } }", json!({})).await;
    app.settled().await;
    mia
}

#[apply(on_both_databases)]
async fn numbers_agree_with_what_happened(on: On) {
    let app = TestApp::with(on, "limits.messages_per_minute_per_user = 3").await;
    let mia = work(&app).await;
    mia.say("echo", "three").await;
    for _ in 0..2 {
        let refused = mia.say("echo", "too many").await;
        assert_eq!(refused["errors"][0]["code"], "RATE_LIMITED");
    }
    app.settled().await;
    let page = page(&app).await;
    for (series, expected) in [
        ("jeton_turns_total{model=\"echo\",end=\"DONE\"}", 2.0),
        ("jeton_turns_total{model=\"scripted\",end=\"FAILED\"}", 1.0),
        ("jeton_tokens_charged_total{model=\"echo\"}", 200.0),
        ("jeton_tokens_charged_total{model=\"scripted\"}", 0.0),
        ("jeton_turn_duration_seconds_count{model=\"echo\"}", 2.0),
        ("jeton_time_to_first_chunk_seconds_count{model=\"echo\"}", 2.0),
        ("jeton_time_to_first_chunk_seconds_count{model=\"scripted\"}", 0.0),
        ("jeton_hold_seconds_count", 3.0),
        ("jeton_settle_seconds_count", 3.0),
        ("jeton_open_turns", 0.0),
        ("jeton_rate_limited_total{kind=\"messages\"}", 2.0),
        ("jeton_errors_total{transport=\"graphql\",code=\"RATE_LIMITED\"}", 2.0),
        ("jeton_errors_total{transport=\"graphql\",code=\"INVALID_INPUT\"}", 1.0),
        ("jeton_errors_total{transport=\"graphql\",code=\"FORBIDDEN\"}", 1.0),
        ("jeton_errors_total{transport=\"rest\",code=\"NOT_FOUND\"}", 1.0),
        ("jeton_errors_total{transport=\"rest\",code=\"UNAUTHENTICATED\"}", 1.0),
        ("jeton_errors_total{transport=\"openai\",code=\"UNAUTHENTICATED\"}", 1.0),
        ("jeton_password_hashes{state=\"running\"}", 0.0),
    ] {
        assert_eq!(value(&page, series), expected, "{series}\n{page}");
    }
    assert!(value(&page, "jeton_database_connections{state=\"idle\"}") >= 1.0);
    let jobs = value(&page, "jeton_database_batch_jobs_sum");
    assert_eq!(jobs > 0.0, on == On::Sqlite, "only SQLite's writer has batches");
    // The label of a route is its pattern in the code; paths and identities of unauthenticated clients are no labels.
    assert!(
        value(&page, "jeton_http_request_duration_seconds_count{route=\"/graphql\",method=\"POST\",status=\"2xx\"}")
            >= 7.0
    );
    assert!(!page.contains("passwd") && !page.contains("mia"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_seen_while_it_is_open() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    app.model.play([Step::Say("a"), Step::Wait(permits.clone()), Step::Say("b"), Step::End(None)]);
    let viewer = app.viewer(&mia).await;
    let asked = tokio::spawn(async move { mia.say("scripted", "hello").await });
    let counted = tokio::time::timeout(Duration::from_secs(10), async {
        while value(&page(&app).await, "jeton_time_to_first_chunk_seconds_count{model=\"scripted\"}") < 1.0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    counted.await.unwrap();
    let waiting = page(&app).await;
    assert_eq!(value(&waiting, "jeton_open_turns"), 1.0);
    assert_eq!(
        value(&waiting, "jeton_stream_lag_seconds_count"),
        0.0,
        "a client that waits for the whole follows no chunk"
    );
    let mut parts = std::pin::pin!(
        chat::follow(&app.app, viewer.require_read().unwrap(), ChatId(1), chat::ReplyPosition::default())
            .await
            .unwrap()
    );
    assert!(matches!(parts.next().await, Some(Ok(ReplyStreamItem::Delta(_)))));
    permits.add_permits(1);
    asked.await.unwrap();
    app.settled().await;
    let page = page(&app).await;
    assert_eq!(value(&page, "jeton_open_turns"), 0.0);
    while parts.next().await.is_some() {}
    assert!(value(&self::page(&app).await, "jeton_stream_lag_seconds_count") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_wait_are_counted_and_forgotten_with_those_who_go_away() {
    let app = TestApp::with(On::Sqlite, "auth.hashing_threads = 1").await;
    let hasher = app.app.hasher.clone();
    let hash = || hasher.enter(QueueKind::NewPassword, None).unwrap().hash(PASSWORD.into());
    let all = futures::future::join_all((0..4).map(|_| hash()));
    // Started only: one is running, three are queued, and then all are cancelled.
    tokio::time::timeout(Duration::from_millis(1), all).await.ok();
    let page = page(&app).await;
    assert_eq!(value(&page, "jeton_password_hashes{state=\"waiting\"}"), 0.0, "{page}");
    assert_eq!(value(&page, "jeton_queued_password_hashes{lane=\"new_passwords\"}"), 0.0, "{page}");
    let begun = futures::future::join_all((0..4).map(|_| hash()));
    let seen = async {
        loop {
            let (running, waiting) = (hasher.running(), hasher.waiting(QueueKind::NewPassword));
            // Both are gauges, read concurrently with other work.
            if running > 0 && waiting > 0 {
                return (running, waiting);
            }
            tokio::task::yield_now().await;
        }
    };
    let (hashes, (running, waiting)) = tokio::join!(begun, seen);
    assert!(hashes.iter().all(Result::is_ok));
    assert_eq!(running, 1);
    assert!((1..=4).contains(&waiting), "{waiting}");
    assert_eq!(hasher.waiting(QueueKind::NewPassword), 0);
}

/// Returns the metrics of the page by name, with the suffix of their type.
fn exposed(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_described_and_has_its_unit_in_its_name() {
    let app = TestApp::start(On::Sqlite).await;
    work(&app).await;
    let page = page(&app).await;
    let words = |kind: &str| -> BTreeMap<String, String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix(&format!("# {kind} ")));
        lines.map(|line| line.split_once(' ').unwrap()).map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let (help, types, units) = (words("HELP"), words("TYPE"), words("UNIT"));
    assert!(types.len() > 20, "{page}");
    for (name, kind) in &types {
        assert!(name.starts_with("jeton_") || name.starts_with("process_"), "{name}");
        assert!(help[name].len() > 5 && help[name].ends_with('.'), "{name}: {}", help[name]);
        if let Some(unit) = units.get(name) {
            assert!(name.ends_with(&format!("_{unit}")), "{name} is in {unit}");
        }
        // Durations are in seconds; other histograms and gauges have the unit of their name.
        let counts =
            ["jobs", "turns", "sockets", "streams", "connections", "hashes", "info", "threads", "fds", "length"];
        let in_name = ["_seconds", "_bytes"].iter().any(|unit| name.ends_with(unit));
        let counted = counts.iter().any(|what| name.ends_with(what));
        assert!(kind == "counter" || in_name || counted, "{name} ({kind}) does not say what it counts");
    }
    for name in exposed(&page).iter().filter(|name| name.ends_with("_total")) {
        assert_eq!(types[name.trim_end_matches("_total")], "counter", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_for_what_there_is() {
    let app = TestApp::with(On::Sqlite, "retention.chats = '30d'\nlimits.messages_per_minute_per_user = 2").await;
    let mia = work(&app).await;
    mia.say("echo", "too many").await;
    app.clock.advance(Duration::from_secs(40 * 86_400));
    jeton::domain::retention::run(&app.app).await.unwrap();
    // The metrics of streams are exported also without streams.
    let page = page(&app).await;
    let exposed = exposed(&page);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for file in ["grafana-dashboard.json", "alerts.yaml"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let asked: BTreeSet<&str> = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with("jeton_") || word.starts_with("process_"))
            .collect();
        assert!(asked.len() >= 10, "{file}");
        for name in asked {
            assert!(exposed.contains(name), "{file} asks for {name}, and there is {exposed:#?}");
        }
    }
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(root.join("grafana-dashboard.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "panels have ids of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_is_one_of_its_own_and_health_is_asked_on_the_command_line() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = port.to_string();
    let installation = Installation::new(On::Sqlite, &[("JETON_METRICS__LISTEN", &address)]).await;
    let server = installation.serve();
    let asked = client().get(format!("http://{address}/metrics")).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    let page = asked.text().await.unwrap();
    assert!(value(&page, "process_resident_memory_bytes") > 1e6, "{page}");
    assert!(value(&page, "process_open_fds") > 3.0 && value(&page, "process_start_time_seconds") > 1.7e9, "{page}");
    let elsewhere = client().get(format!("{}/metrics", server.url)).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404, "not for those who chat");

    assert_eq!(installation.ok(&["health", "--url", &server.url]), "ready\n");
    server.kill();
    let url = format!("http://{address}");
    let output = installation.run(&["health", "--url", &url], "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.starts_with(&format!("jeton: {url}/readyz: ")), "{stderr}");
}

#[test]
fn metrics_are_not_served_to_everybody() {
    let config = |toml: &str| jeton::infra::config::Config::from_toml(toml);
    for same in ["127.0.0.1:8000", "0.0.0.0:8000"] {
        let error = config(&format!("metrics.listen = '{same}'")).unwrap_err().to_string();
        assert!(error.starts_with("metrics.listen: another address or port than http.listen"), "{error}");
    }
    let error = config("metrics.listen = 'everywhere'").unwrap_err().to_string();
    assert!(error.contains("metrics.listen") && error.contains("is not an address with a port"), "{error}");
    assert!(config("metrics.listen = '127.0.0.1:9100'").is_ok());
}
