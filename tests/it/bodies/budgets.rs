//! Budgets and rates of request bodies, by user, by address and in total.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, Full};
use jeton::core::ids::UserId;
use jeton::infra::request_body::{BodyOwner, Limits};
use rstest_reuse::apply;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::posting;
use crate::metrics::value;
use crate::openai_api::{Does, asking, piece, post_raw, upstream};
use crate::support::{Client, On, TestApp, on_both_databases, openai};

const KIB: usize = 1 << 10;
/// Further members of a call to an upstream.
const OPTIONS: &str = "\"max_tokens\":1024,\"stream_options\":{\"include_usage\":true},";
/// Budgets that a test can fill.
const SMALL_BUDGETS: &str = "
    v1.max_body_bytes = 1_000_000
    http.max_body_bytes = 500_000
    http.max_inflight_body_bytes = 8_000_000
    http.max_inflight_body_bytes_per_client = 2_000_000
    http.body_bytes_per_second_per_client = 0
    http.trusted_proxies = ['127.0.0.1/32']
";

/// Takes bytes of the budget, as an incoming body of this user does.
async fn hold(app: &TestApp, user_id: UserId, bytes: usize) -> Bytes {
    let limits = Limits { bytes, owner: BodyOwner::User(user_id), address: None };
    app.app.bodies.read(&app.app.metrics, Full::new(vec![b' '; bytes].into()), limits).await.unwrap()
}

/// A request from an address whose body is sent only in part, and the response until then.
struct HalfSent(TcpStream);

impl HalfSent {
    async fn begin(
        server: SocketAddr,
        from: &str,
        access: Option<&str>,
        path: &str,
        length: usize,
        sent: usize,
    ) -> Self {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let access = access.map(|access| format!("authorization: Bearer {access}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {from}\r\n{access}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The connection of a rejected request may be closed already.
        stream.write_all(&vec![b' '; sent]).await.ok();
        Self(stream)
    }

    /// Returns the head of a response that was received already; nothing if the server still waits for the body.
    async fn answer(&mut self) -> Option<String> {
        let mut head = vec![0; 8 * KIB];
        let read = tokio::time::timeout(Duration::from_millis(300), self.0.read(&mut head)).await.ok()?.ok()?;
        Some(String::from_utf8_lossy(&head[..read]).into_owned())
    }
}

/// Waits until nothing of a body is in memory.
async fn nothing_held(app: &TestApp) {
    let empty = async {
        while app.app.bodies.in_use() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), empty).await.expect("all bytes are released");
}

fn large_call(model: &str, bytes: usize) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }], "metadata": "x".repeat(bytes) })
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_bodies_are_bounded_by_user_and_address_and_usual_messages_pass() {
    let app = TestApp::with(On::Sqlite, SMALL_BUDGETS).await;
    let (mia, tom, eve) = (app.user("mia").await, app.user("tom").await, app.user("eve").await);
    let server = app.serve().await;
    let (here, there) = ("192.0.2.1", "192.0.2.2");
    let mut under_way = Vec::new();
    for path in ["/v1/chat/completions", "/graphql", "/api/register/"] {
        for client in [&mia, &tom] {
            for _ in 0..5 {
                let access = client.access.as_deref();
                under_way.push(HalfSent::begin(server, here, access, path, 450_000, 100_000).await);
            }
        }
    }
    let mut answers = Vec::new();
    for half_sent in &mut under_way {
        answers.push(half_sent.answer().await);
    }
    let refused: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(refused.len(), 26, "four of thirty fit into the share of an address: {answers:?}");
    for answer in refused {
        let answer = answer.to_lowercase();
        assert!(answer.starts_with("http/1.1 429") && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    }
    let (arriving, held) = app.app.bodies.in_use();
    assert_eq!((arriving, held), (4 * 450_000, 4 * 450_000));
    // Small messages, and large ones from other clients.
    assert_eq!(mia.post("/v1/chat/completions", asking("echo", false)).await.status, 200);
    assert_eq!(mia.say("echo", "Hi").await["chat"]["status"], "DONE");
    assert_eq!(post_raw(&eve, &large_call("echo", 900_000), &[]).await.status, 200);
    let mut elsewhere = HalfSent::begin(server, there, eve.access.as_deref(), "/graphql", 450_000, 450_000).await;
    assert!(elsewhere.answer().await.unwrap().starts_with("HTTP/1.1 400"), "white space is no JSON");
    drop(under_way);
    nothing_held(&app).await;
    assert_eq!(app.balance(&tom).await, (4000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_budget_is_said_in_the_words_of_each_transport_and_small_bodies_need_none() {
    let app = TestApp::with(On::Sqlite, SMALL_BUDGETS).await;
    let (mia, metrics) = (app.user("mia").await, jeton::server::metrics::router(app.app.clone()));
    let mut held = Vec::new();
    for other in 100..110 {
        while app.app.bodies.in_use().1 < 7_900_000 - 100_000 {
            let limits = Limits { bytes: 100_000, owner: BodyOwner::User(UserId(other)), address: None };
            let body = Full::new(Bytes::from(vec![b' '; 100_000]));
            let Ok(body) = app.app.bodies.read(&app.app.metrics, body, limits).await else { break };
            held.push(body);
        }
    }
    let message = "x".repeat(400_000);
    let v1 = post_raw(&mia, &large_call("echo", 900_000), &[]).await;
    let body = v1.json();
    assert_eq!((v1.status.as_u16(), &body["error"]["code"]), (503, &json!("unavailable")), "{body}");
    let rest = mia.post("/api/chat/", json!({ "message": message })).await;
    assert_eq!(rest.status, 503);
    assert!(rest.json()["detail"].as_str().unwrap().starts_with("Too many bytes of requests"), "{}", rest.text);
    let graphql = mia.post("/graphql", json!({ "query": "{ __typename }", "variables": { "x": message } })).await;
    assert_eq!(
        (graphql.status.as_u16(), &graphql.json()["errors"][0]["extensions"]["code"]),
        (503, &json!("UNAVAILABLE"))
    );
    for answer in [&v1, &rest, &graphql] {
        assert_eq!(answer.headers["retry-after"], "1");
    }
    // A client that has used up its own share is rejected with 429.
    drop(held);
    let own = [hold(&app, mia.user_id(), 1_000_000).await, hold(&app, mia.user_id(), 500_000).await];
    let limited = post_raw(&mia, &large_call("echo", 900_000), &[]).await;
    assert_eq!((limited.status.as_u16(), &limited.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(limited.headers["retry-after"], "1");
    assert_eq!(mia.post("/v1/chat/completions", asking("echo", false)).await.status, 200);
    assert_eq!(mia.post("/api/chat/", json!({ "message": "Hi" })).await.status, 200);
    let page = Client::new(metrics, None).get("/metrics").await.text;
    assert_eq!(value(&page, "jeton_request_body_bytes{state=\"arriving\"}"), 0.0);
    assert_eq!(value(&page, "jeton_request_body_bytes{state=\"held\"}"), 1_500_000.0);
    assert!(value(&page, "jeton_rate_limited_total{kind=\"request_bodies\"}") >= 3.0);
    assert!(value(&page, "jeton_rate_limited_total{kind=\"request_bodies_of_client\"}") >= 1.0);
    drop(own);
    assert_eq!(post_raw(&mia, &large_call("echo", 900_000), &[]).await.status, 200);
    assert_eq!(app.app.bodies.in_use(), (0, 0));
}

#[apply(on_both_databases)]
async fn a_body_counts_while_its_call_is_under_way_and_is_given_back_with_it(on: On) {
    let (url, heard) = upstream(Does::Hang(vec![piece("a")])).await;
    let app = TestApp::with_provider(on, "v1.usage_wait_timeout = '0s'", Arc::new(openai(&[&url], 0))).await;
    let mia = app.user("mia").await;
    let mut call = asking("upstream", true);
    call["messages"][0]["content"] = "x".repeat(100_000).into();
    let body = call.to_string();
    let request = posting(&mia).body(Body::from(body.clone())).unwrap();
    let answer = tower::ServiceExt::oneshot(app.router.clone(), request);
    let mut answer = answer.await.unwrap().into_body();
    answer.frame().await.unwrap().unwrap();
    assert_eq!(app.app.bodies.in_use(), (0, body.len()));
    assert_eq!(
        heard.bodies.lock().unwrap()[0].1.len(),
        body.len() - "upstream".len() + "gpt-test".len() + OPTIONS.len()
    );
    drop(answer);
    app.settled().await;
    nothing_held(&app).await;
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_messages_counts_a_large_body_before_it_is_read() {
    let app = TestApp::with(On::Sqlite, "limits.messages_per_minute_per_user = 2").await;
    let (mia, server) = (app.user("mia").await, app.serve().await);
    assert_eq!(post_raw(&mia, &" ".repeat(100_000), &[]).await.status, 400, "counted, whatever it says");
    assert_eq!(
        post_raw(&mia, &format!("{}{}", asking("echo", false), " ".repeat(100_000)), &[]).await.status,
        200,
        "once"
    );
    let mut third = HalfSent::begin(server, "", mia.access.as_deref(), "/v1/chat/completions", 1_000_000, 0).await;
    let answer = third.answer().await.unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 429") && answer.contains("rate_limit_exceeded"), "{answer}");
    // A call without a key is rejected before its body is read, as is one that is too large.
    let mut anonymous = HalfSent::begin(server, "", None, "/v1/chat/completions", 1_000_000, 0).await;
    assert!(anonymous.answer().await.unwrap().starts_with("HTTP/1.1 401"));
    let mut huge = HalfSent::begin(server, "", mia.access.as_deref(), "/v1/chat/completions", usize::MAX / 4, 0).await;
    assert!(huge.answer().await.unwrap().starts_with("HTTP/1.1 413"));
    assert_eq!(app.app.bodies.in_use(), (0, 0));
}
