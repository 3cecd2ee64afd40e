//! Password guessing and registration: limits by address and by name.

use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{On, PASSWORD, TestApp, on_both_databases};

const LOGIN: &str =
    "mutation($name: String!, $password: String!) { login(input: {username: $name, password: $password}) {
    user { id } errors { code } } }";

/// A client with an address.
struct From(std::net::SocketAddr, &'static str);

impl From {
    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        rustls::crypto::ring::default_provider().install_default().ok();
        let request = reqwest::Client::new().post(format!("http://{}{path}", self.0)).header("x-forwarded-for", self.1);
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn login(&self, name: &str, password: &str) -> Value {
        let body = json!({ "query": LOGIN, "variables": { "name": name, "password": password } });
        let (_, answer) = self.post("/graphql", body).await;
        let code = answer.pointer("/errors/0/extensions/code").or(answer.pointer("/data/login/errors/0/code"));
        code.cloned().unwrap_or_default()
    }
}

#[apply(on_both_databases)]
async fn guesses_are_counted_by_address_whatever_the_names(on: On) {
    let settings = "http.trusted_proxies = ['127.0.0.1/32']\nauth.login_attempts_before_delay_per_address = 5";
    let app = TestApp::with(on, settings).await;
    app.user("mia").await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    for number in 0..4 {
        assert_eq!(here.login(&format!("nobody{number}"), "x").await, "UNAUTHENTICATED");
        // A successful log-in refunds only its own attempt.
        assert_eq!(here.login("mia", PASSWORD).await, Value::Null);
    }
    assert_eq!(here.login("nobody8", "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login("nobody9", "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login("mia", PASSWORD).await, "RATE_LIMITED", "an attempt of this address has to wait");
    let (status, _) = here.post("/api/token/", json!({ "username": "mia", "password": PASSWORD })).await;
    assert_eq!(status, 429, "by every way");
    assert_eq!(there.login("mia", PASSWORD).await, Value::Null, "other addresses do not");
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(here.login("mia", PASSWORD).await, Value::Null, "the wait has an end");
    // An IPv6 /64 network is one client.
    for number in 0..6 {
        let one = From(address, ["2001:db8::1", "2001:db8::2", "2001:db8::3"][number % 3]);
        assert_eq!(one.login("nobody", "x").await, "UNAUTHENTICATED");
    }
    assert_eq!(From(address, "2001:db8::ffff").login("mia", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(From(address, "2001:db8:0:1::1").login("mia", PASSWORD).await, Value::Null);
}

#[apply(on_both_databases)]
async fn what_a_stranger_says_of_its_address_is_ignored(on: On) {
    let app = TestApp::with(on, "auth.login_attempts_before_delay_per_address = 3").await;
    let address = app.serve().await;
    for client in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"] {
        assert_eq!(From(address, client).login(client, "x").await, "UNAUTHENTICATED");
    }
    assert_eq!(From(address, "203.0.113.5").login("nobody", "x").await, "RATE_LIMITED");
}

#[apply(on_both_databases)]
async fn accounts_and_refreshes_are_limited_by_address(on: On) {
    let settings = "limits.registrations_per_hour_per_address = 2\nlimits.refreshes_per_minute_per_address = 3
        http.trusted_proxies = ['127.0.0.0/8']";
    let app = TestApp::with(on, settings).await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    let register = |name: &str| json!({ "username": name, "password": PASSWORD, "password2": PASSWORD });
    assert_eq!(here.post("/api/register/", register("a")).await.0, 201);
    let query =
        format!("mutation {{ register(input: {{username: \"b\", password: \"{PASSWORD}\"}}) {{ refreshToken }} }}");
    let (_, made) = here.post("/graphql", json!({ "query": query })).await;
    let refresh = made["data"]["register"]["refreshToken"].as_str().unwrap().to_owned();
    assert_eq!(here.post("/api/register/", register("c")).await.0, 429);
    assert_eq!(there.post("/api/register/", register("c")).await.0, 201);
    for status in [200, 200, 200, 429] {
        assert_eq!(here.post("/api/token/refresh/", json!({ "refresh": refresh })).await.0, status);
    }
    // A client above the rate limit stays logged in.
    let query = json!({ "query": "mutation { refreshToken(input: {}) { errors { code } } }" });
    for token in [refresh.as_str(), "nonsense"] {
        let request =
            reqwest::Client::new().post(format!("http://{address}/graphql")).header("x-forwarded-for", here.1);
        let request = request.header("x-jeton-session", "cookie").header("cookie", format!("jeton_refresh={token}"));
        let answer = request.json(&query).send().await.unwrap();
        assert!(!answer.headers().contains_key("set-cookie"));
        assert!(answer.text().await.unwrap().contains("RATE_LIMITED"));
    }
    assert_eq!(there.post("/api/token/refresh/", json!({ "refresh": refresh })).await.0, 200);
}

#[apply(on_both_databases)]
async fn names_that_are_too_long_are_answered_and_counted_like_unknown_ones(on: On) {
    let settings = "http.trusted_proxies = ['127.0.0.1/32']\nauth.login_attempts_before_delay_per_address = 8\nauth.login_attempts_before_delay = 100";
    let app = TestApp::with(on, settings).await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    // Each of these characters expands to eighteen in the normal form of names.
    let long = "\u{fdfa}".repeat(160_000);
    let timed = async |from: &From, name: &str| {
        let begun = std::time::Instant::now();
        let mut answers = Vec::new();
        for _ in 0..4 {
            let (status, rest) = from.post("/api/token/", json!({ "username": name, "password": "x" })).await;
            answers.push((status, rest, from.login(name, "x").await));
        }
        (answers, begun.elapsed())
    };
    let (known, quick) = timed(&there, "nobody").await;
    let (answers, slow) = timed(&here, &long).await;
    assert_eq!(answers, known);
    assert_eq!(answers[0].2, "UNAUTHENTICATED");
    // Before the fix they took about a hundred times as long.
    assert!(slow < quick * 20, "{slow:?} {quick:?}");
    assert_eq!(here.login(&long, "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login(&long, "x").await, "RATE_LIMITED", "eight tries are free, and one begins the wait");
}
