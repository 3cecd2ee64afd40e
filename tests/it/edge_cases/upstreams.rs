//! Upstreams that behave in odd ways, or are made to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::post;
use rstest::rstest;
use serde_json::{Value, json};

use crate::openai_api::{DONE, Does, STOP, app_with, asking, piece, upstream};
use crate::support::{On, TestApp, openai_with};

/// Serves responses by a function of the call's number and body. Returns the counter of calls.
async fn answering(
    answer: impl Fn(usize, &str) -> Response<Body> + Clone + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let handler = move |body: String| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(answer(number, &body))
    };
    let router = Router::new().route("/v1/chat/completions", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), calls)
}

fn says(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

fn good() -> Response<Body> {
    says(200, &[("content-type", "text/event-stream")], &[&piece("ok"), STOP, DONE].concat())
}

/// An upstream's Retry-After is passed to the client, but not for an exhausted account of the operator.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_busy_says_for_how_long() {
    let (url, calls) = answering(|_, body| match body.contains("quota") {
        true => says(429, &[], "{\"error\":{\"code\":\"insufficient_quota\"}}"),
        false => says(429, &[("retry-after", "17")], "{\"error\":{\"code\":\"rate_limit_exceeded\"}}"),
    })
    .await;
    let provider = openai_with(&[&url], 2, |settings| settings.circuit_cooldown = Duration::ZERO);
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(provider)).await;
    let mia = app.user("mia").await;
    for stream in [false, true] {
        let busy = mia.post("/v1/chat/completions", asking("upstream", stream)).await;
        assert_eq!(
            (busy.status.as_u16(), &busy.headers["retry-after"]),
            (503, &"17".parse().unwrap()),
            "{}",
            busy.text
        );
    }
    assert_eq!(calls.swap(0, Ordering::SeqCst), 2, "no call waits that long here");
    let mut call = asking("upstream", false);
    call["messages"][0]["content"] = "quota".into();
    let empty = mia.post("/v1/chat/completions", call).await;
    assert_eq!((empty.status.as_u16(), &empty.json()["error"]["code"]), (502, &json!("upstream_error")));
    assert!(!empty.headers.contains_key("retry-after"));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "it is not asked again");
    assert_eq!(app.balance(&mia).await, (4000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_are_asked_for_plain_bytes_and_repeated_as_they_wish() {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("ok"), STOP.into(), DONE.into()])).await;
    let app = app_with(On::Sqlite, "", &[&url]).await;
    let mia = app.user("mia").await;
    assert_eq!(mia.say("upstream", "Hi").await["chat"]["status"], "DONE");
    assert_eq!(heard.bodies.lock().unwrap()[0].0["accept-encoding"], "identity");

    let (url, calls) = answering(|_, body| match body.contains("vain") {
        true => says(500, &[("x-should-retry", "false")], "no"),
        false => says(200, &[("content-encoding", "br"), ("content-type", "application/json")], "\u{1}\u{2}"),
    })
    .await;
    let provider = openai_with(&[&url], 2, |settings| settings.circuit_cooldown = Duration::ZERO);
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(provider)).await;
    let mia = app.user("mia").await;
    for message in ["in vain", "encoded"] {
        let chat = mia.say("upstream", message).await["chat"].take();
        assert_eq!((&chat["status"], &chat["cost"]), (&json!("FAILED"), &json!(0)), "{chat}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2, "once each");
}

/// One user whose messages fail must not close a model for the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_is_no_weapon() {
    let (url, calls) = answering(|_, body| if body.contains("poison") { says(500, &[], "no") } else { good() }).await;
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(openai_with(&[&url], 2, |_| {}))).await;
    let (eve, mia) = (app.user("eve").await, app.user("mia").await);
    // Two requests with three attempts each.
    for _ in 0..2 {
        assert_eq!(eve.say("upstream", "poison").await["chat"]["status"], "FAILED");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 6);
    assert_eq!(mia.say("upstream", "Hi").await["chat"]["status"], "DONE", "each counts once");
    for _ in 0..5 {
        assert_eq!(eve.say("upstream", "poison").await["chat"]["status"], "FAILED");
    }
    // Monitoring sees the open circuit, and that the server is ready all the same.
    let ready = app.anonymous().get("/readyz").await;
    let note = "\nmodel upstream: 1 of 1 upstreams cool down after repeated failures\n";
    assert!(ready.status == 200 && ready.text.starts_with("ready\n") && ready.text.contains(note), "{}", ready.text);
    let watched = async || {
        let request = axum::http::Request::get("/metrics").body(Body::empty()).unwrap();
        let answer =
            tower::ServiceExt::oneshot(jeton::server::metrics::router(app.app.clone()), request).await.unwrap();
        let page = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();
        let line = page.lines().find(|line| line.starts_with("jeton_upstream_resting{model=\"upstream\"")).unwrap();
        line.to_owned()
    };
    assert_eq!(watched().await, "jeton_upstream_resting{model=\"upstream\",upstream=\"1\"} 1");
    // Its circuit is open, and it is called all the same, since there is no other upstream.
    assert_eq!(mia.say("upstream", "Hi").await["chat"]["status"], "DONE");
    assert_eq!(mia.say("upstream", "Hi").await["chat"]["status"], "DONE", "and is well again");
    assert_eq!(app.anonymous().get("/readyz").await.text, "ready\n");
    assert_eq!(watched().await, "jeton_upstream_resting{model=\"upstream\",upstream=\"1\"} 0");
    for _ in 0..6 {
        assert_eq!(eve.say("upstream", "poison").await["chat"]["status"], "FAILED");
    }
    let (first, second) = tokio::join!(
        mia.post("/v1/chat/completions", asking("upstream", true)),
        eve.post("/v1/chat/completions", asking("upstream", true)),
    );
    for answer in [first, second].iter().filter(|answer| answer.status == 503) {
        assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
    }
}

/// An API key that an upstream echoes is never passed to clients, in any form.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_provider_reaches_nobody(#[values(true, false)] stream: bool) {
    let key = "sk-secret";
    let cut: String = ["sk-", "sec", "ret"].iter().map(|part| piece(part)).collect();
    for body in [
        format!("{{\"detail\":\"Wrong key {key}\"}}"),
        format!("<html>{key}</html>"),
        format!(": {key}\n\n{}{STOP}{DONE}", piece("ok")),
        format!("{}{STOP}{DONE}", piece(key)),
        format!("{cut}{STOP}{DONE}"),
        format!("{}data: {{\"error\":\"{key}\"}}\n\n", piece("ok")),
        format!("{}data: {key}", piece("ok")),
        format!("{{\"choices\":[{{\"message\":{{\"content\":\"{key}\"}},\"finish_reason\":\"stop\"}}]}}"),
    ] {
        let (url, _) = upstream(Does::Say(200, body.clone())).await;
        let app = app_with(On::Sqlite, "v1.store_api_messages = true", &[&url]).await;
        let mia = app.user("mia").await;
        let answer = mia.post("/v1/chat/completions", asking("upstream", stream)).await;
        let said = mia.say("upstream", "Hi").await.to_string();
        let stored = mia.data("{ chatHistory { nodes { response error { message } } } }", json!({})).await.to_string();
        let shown = answer.text.clone();
        let joined: String = shown
            .split("\n\n")
            .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
            .filter_map(|part| part["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        for text in [&shown, &joined, &said, &stored] {
            assert!(!text.contains(key), "{body}: {text}");
        }
    }
}
