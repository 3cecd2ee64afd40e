//! Password hashing waits in bounded queues: a full one rejects immediately, and a flood from one address does not
//! delay the log-ins of other clients.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use jeton::core::password::QueueKind;
use jeton::domain::account::admin;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const REGISTER: &str = "mutation($name: String!, $password: String!) {
    register(input: {username: $name, password: $password}) { user { id } errors { code } } }";
const LOGIN: &str = "mutation($name: String!, $password: String!) {
    login(input: {username: $name, password: $password}) { user { id } errors { code } } }";

/// Posts from an address. Returns the status and the value of `Retry-After`.
async fn post(server: SocketAddr, from: &str, path: &str, body: Value) -> (u16, Option<String>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let request = reqwest::Client::new().post(format!("http://{server}{path}")).header("x-forwarded-for", from);
    let answer = request.json(&body).send().await.unwrap();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after)
}

/// Waits until this number of passwords is in a queue.
async fn filled(app: &TestApp, kind: QueueKind, least: usize) {
    let wait = async {
        while app.app.hasher.waiting(kind) < least {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the queue fills");
}

/// Checks that a GraphQL operation is rejected because of a full queue.
async fn is_overloaded(client: &Client, query: &str, variables: Value) {
    let answer = client.graphql(query, variables).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["retryAfter"]), (&json!("UNAVAILABLE"), &json!(1)), "{answer}");
}

#[apply(on_both_databases)]
async fn a_full_lane_rejects_with_retry_after_by_every_way(on: On) {
    // One place for each address: it is taken here, and all clients of this test have the same address.
    let app = TestApp::with(on, "auth.max_queued_hashes = 4\nauth.login_attempts_before_delay = 2").await;
    let (mia, root, anonymous) = (app.user("mia").await, app.superuser("root").await, app.anonymous());
    let mia_id = mia.global_id().await;
    let rest = async |path: &str, body: Value| {
        let answer = anonymous.post(path, body).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert_eq!(answer.headers["retry-after"], "1", "{path}");
        assert!(answer.json()["detail"].is_string(), "{path}: {}", answer.text);
    };
    let held = app.app.hasher.enter(QueueKind::NewPassword, None).unwrap();
    rest("/api/register/", json!({ "username": "tom", "password": PASSWORD, "password2": PASSWORD })).await;
    is_overloaded(&anonymous, REGISTER, json!({ "name": "tom", "password": PASSWORD })).await;
    let create = "mutation($p: String!) { createUser(input: {username: \"tom\", password: $p}) { user { id } } }";
    is_overloaded(&root, create, json!({ "p": PASSWORD })).await;
    let set = "mutation($id: ID!, $p: String!) { setPassword(input: {userId: $id, password: $p}) { user { id } } }";
    is_overloaded(&root, set, json!({ "id": mia_id, "p": "another-staple-9" })).await;
    // The queue of log-ins is independent.
    let login = json!({ "username": "mia", "password": PASSWORD });
    assert_eq!(anonymous.post("/api/token/", login.clone()).await.status, 200);
    drop(held);

    let held = app.app.hasher.enter(QueueKind::Verification, None).unwrap();
    for _ in 0..4 {
        rest("/api/token/", login.clone()).await;
        is_overloaded(&anonymous, LOGIN, json!({ "name": "mia", "password": PASSWORD })).await;
    }
    let change = "mutation($old: String!) {
        changePassword(input: {oldPassword: $old, newPassword: \"another-staple-9\"}) { user { id } } }";
    is_overloaded(&mia, change, json!({ "old": PASSWORD })).await;
    let delete = "mutation($p: String!) { deleteAccount(input: {password: $p}) { deletedId } }";
    is_overloaded(&mia, delete, json!({ "p": PASSWORD })).await;
    drop(held);
    assert_eq!(anonymous.post("/api/token/", login).await.status, 200, "a try that was never made is none");
    let register = json!({ "username": "tom", "password": PASSWORD, "password2": PASSWORD });
    assert_eq!(anonymous.post("/api/register/", register).await.status, 201);

    let page = app.app.metrics.page(&[]).unwrap();
    for limited in ["{kind=\"new_passwords\"} 4\n", "{kind=\"password_verifications\"} 10\n"] {
        assert!(page.contains(&format!("jeton_rate_limited_total{limited}")), "{page}");
    }
}

/// A log writer that keeps the output.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_do_not_fill_the_log() {
    let app = TestApp::with(On::Sqlite, "auth.max_queued_hashes = 1").await;
    let (lines, anonymous) = (Lines::default(), app.anonymous());
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(move || writer.clone());
    // The test's own task, which also serves these requests, runs on this thread.
    let _guard = tracing::subscriber::set_default(log.finish());
    tracing::info!("the log is captured");
    let _held = app.app.hasher.enter(QueueKind::Verification, None).unwrap();
    for _ in 0..3 {
        let body = json!({ "username": "mia", "password": PASSWORD });
        assert_eq!(anonymous.post("/api/token/", body).await.status, 503);
        is_overloaded(&anonymous, LOGIN, json!({ "name": "mia", "password": PASSWORD })).await;
    }
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_of_one_address_hold_up_no_log_in() {
    let settings = "auth.hashing_threads = 1\nauth.max_queued_hashes = 200\nhttp.trusted_proxies = ['127.0.0.0/8']
        limits.registrations_per_hour_per_address = 0";
    let app = TestApp::with(On::Sqlite, settings).await;
    app.user("mia").await;
    let server = app.serve().await;
    let registering = tokio::spawn(join_all((0..60).map(move |number| {
        let body = json!({ "username": format!("user{number}"), "password": PASSWORD, "password2": PASSWORD });
        post(server, "203.0.113.7", "/api/register/", body)
    })));
    filled(&app, QueueKind::NewPassword, 12).await;
    for address in ["203.0.113.8", "203.0.113.7"] {
        let login = json!({ "username": "mia", "password": PASSWORD });
        assert_eq!(post(server, address, "/api/token/", login).await.0, 200);
        let waiting = app.app.hasher.waiting(QueueKind::NewPassword);
        assert!(waiting > 0, "{address}: registrations that came before wait still");
    }
    let answers = registering.await.unwrap();
    let rejected = answers.iter().filter(|(status, _)| *status == 503).count();
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 60 - rejected);
    assert!((1..60).contains(&rejected), "{rejected} of 60, where 25 may wait");
    let in_a_second = Some("1".to_owned());
    assert!(answers.iter().all(|(status, retry_after)| (*retry_after == in_a_second) == (*status == 503)));
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_one_address_hold_up_no_log_in_from_another() {
    let settings = "auth.hashing_threads = 1\nauth.max_queued_hashes = 800\nhttp.trusted_proxies = ['127.0.0.0/8']";
    let app = TestApp::with(On::Sqlite, settings).await;
    app.user("mia").await;
    let server = app.serve().await;
    let guessing = tokio::spawn(join_all((0..60).map(move |number| {
        let body = json!({ "username": format!("nobody{number}"), "password": PASSWORD });
        post(server, "203.0.113.7", "/api/token/", body)
    })));
    filled(&app, QueueKind::Verification, 30).await;
    let login = json!({ "username": "mia", "password": PASSWORD });
    assert_eq!(post(server, "203.0.113.8", "/api/token/", login).await.0, 200);
    let waiting = app.app.hasher.waiting(QueueKind::Verification);
    assert!(waiting >= 5, "{waiting} that came before wait still");
    assert!(guessing.await.unwrap().iter().all(|(status, _)| *status == 401));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_at_start_needs_no_place_in_the_queue() {
    let app = TestApp::with(On::Sqlite, "auth.max_queued_hashes = 1\nauth.hashing_threads = 3").await;
    app.superuser("root").await;
    assert_eq!(admin::superusers_with_common_passwords(&app.app).await.unwrap(), Vec::<String>::new());
}

#[apply(on_both_databases)]
async fn new_accounts_come_in_small_bursts_and_mistakes_are_no_accounts(on: On) {
    let settings = "limits.registrations_per_hour_per_address = 60\nlimits.registration_burst_per_address = 2
        http.trusted_proxies = ['127.0.0.0/8']";
    let app = TestApp::with(on, settings).await;
    let server = app.serve().await;
    let register = async |from: &str, name: &str, password: &str, again: &str| {
        let body = json!({ "username": name, "password": password, "password2": again });
        post(server, from, "/api/register/", body).await
    };
    let graphql = async |from: &str, name: &str, password: &str| {
        let body = json!({ "query": REGISTER, "variables": { "name": name, "password": password } });
        post(server, from, "/graphql", body).await.0
    };
    let here = "203.0.113.7";
    assert_eq!(register(here, "a", "password", "password").await.0, 400, "too common");
    assert_eq!(register(here, "a", PASSWORD, "another").await.0, 400, "not the same");
    assert_eq!(graphql(here, "a", "password").await, 200);
    assert_eq!(register(here, "a", PASSWORD, PASSWORD).await.0, 201, "none of these counts as an account");
    assert_eq!(register(here, "b", PASSWORD, PASSWORD).await.0, 201);
    let (status, retry_after) = register(here, "c", PASSWORD, PASSWORD).await;
    assert_eq!(status, 429, "of sixty an hour, two may come at once");
    assert!(retry_after.unwrap().parse::<u64>().unwrap() <= 60, "and one in a minute");
    // Attempts above the limit are rejected before their password is checked.
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        assert!(statuses.len() < 40, "{statuses:?}");
        statuses.push(register(here, "c", "password", "password").await.0);
    }
    assert_eq!(register("203.0.113.8", "c", PASSWORD, PASSWORD).await.0, 201);
}
