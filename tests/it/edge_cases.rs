//! Edge cases: unusual clients, unusual text, and failing upstreams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::post;
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::openai_api::{DONE, Does, STOP, app_with, asking, piece, upstream};
use crate::support::{On, TestApp, on_both_databases, openai_with};

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

/// PostgreSQL can't store NUL in a text; a client that sends one gets no server error.
#[apply(on_both_databases)]
async fn a_null_character_is_no_fault_of_the_server(on: On) {
    let app = TestApp::start(on).await;
    let (staff, mia) = (app.staff("operator").await, app.user("mia").await);
    let login =
        "mutation($n: String!) { login(input: {username: $n, password: \"wrong password\"}) { errors { code } } }";
    for (client, document, text) in [
        (&app.anonymous(), login, "a\0b"),
        (&app.anonymous(), login, "\0"),
        (&staff, "query($n: String!) { users(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&staff, "query($n: String!) { chats(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&staff, "query($n: String!) { chats(first: 1, model: $n) { nodes { id } } }", "a\0b"),
        (&mia, "query($n: String!) { chatHistory(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&mia, "query($n: String!) { chatHistory(first: 1, after: $n) { nodes { id } } }", "a\0b"),
        (&mia, "mutation($n: String!) { sendMessage(input: {message: $n}) { errors { code } } }", "a\0b"),
        (&mia, "mutation($n: String!) { createConversation(input: {title: $n}) { errors { code } } }", "a\0b"),
        (
            &mia,
            "mutation($n: String!) { createApiKey(input: {name: $n, scopes: [COMPLETIONS]}) { errors { code } } }",
            "a\0b",
        ),
    ] {
        let answer = client.graphql(document, json!({ "n": text })).await;
        assert!(!answer.to_string().contains("INTERNAL"), "{document}: {answer}");
    }
    let told = app.anonymous().post("/api/token/", json!({ "username": "a\0b", "password": "wrong password" })).await;
    assert!(matches!(told.status.as_u16(), 400 | 401), "{}", told.text);
    let call = json!({ "model": "ec\0ho", "messages": [{ "role": "user", "content": "Hi\0" }] });
    assert_eq!(mia.post("/v1/chat/completions", call).await.status, 404);
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
    assert_eq!(calls.swap(0, Ordering::SeqCst), 2, "nobody waits for so long here");
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
    let told = "\nmodel upstream: 1 of 1 upstreams cool down after repeated failures\n";
    assert!(ready.status == 200 && ready.text.starts_with("ready\n") && ready.text.contains(told), "{}", ready.text);
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
        for told in [&shown, &joined, &said, &stored] {
            assert!(!told.contains(key), "{body}: {told}");
        }
    }
}

/// Local models accept parameters with values that have no effect, in any form.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_is_taken_by_models_in_this_house() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let post = async |more: Value| {
        let mut call = asking("echo", false);
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.post("/v1/chat/completions", call).await
    };
    for more in [
        json!({ "tool_choice": "none" }),
        json!({ "n": 1.0 }),
        json!({ "response_format": { "type": "text" } }),
        json!({ "presence_penalty": 0.0, "frequency_penalty": -0.0, "logprobs": false, "tools": [] }),
        json!({ "parallel_tool_calls": true, "modalities": ["text"] }),
        json!({ "messages": [{ "role": "user", "content": "Hi" }, { "role": "assistant", "content": null },
            { "role": "user", "content": "Hi" }] }),
    ] {
        let answer = post(more.clone()).await;
        assert_eq!(answer.status, 200, "{more}: {}", answer.text);
    }
    for more in [
        json!({ "n": 2 }),
        json!({ "response_format": { "type": "json_object" } }),
        json!({ "tool_choice": "required" }),
    ] {
        assert_eq!(post(more.clone()).await.status, 400, "{more}");
    }
    // A final slash, and a content type in any case.
    let request =
        axum::http::Request::post("/v1/chat/completions/").header("content-type", "Application/JSON; Charset=UTF-8");
    let answer = mia.send(request.body(Body::from(asking("echo", false).to_string())).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let request = axum::http::Request::post("/v1/chat/completions").header("content-type", "application/jsonx");
    assert_eq!(mia.send(request.body(Body::from("{}")).unwrap()).await.status, 415);
    let long = json!({ "messages": [{ "role": "user", "content": "x".repeat(300_000) }] });
    let long = post(long).await.json();
    assert_eq!(
        (&long["error"]["code"], &long["error"]["param"]),
        (&json!("context_length_exceeded"), &json!("messages"))
    );
}

/// Clients do not retry a call with insufficient balance; OpenAI's 429 can be configured for clients that expect it.
#[rstest]
#[case::by_default("", 402)]
#[case::as_openai("v1.insufficient_status = 429\n", 429)]
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_balance_has_the_configured_status(#[case] toml: &str, #[case] status: u16) {
    let app = TestApp::with(On::Sqlite, &format!("{toml}ledger.signup_grant = 50")).await;
    let mia = app.user("mia").await;
    let refused = mia.post("/v1/chat/completions", asking("scripted", false)).await;
    let error = refused.json()["error"].take();
    assert_eq!((refused.status.as_u16(), &error["code"]), (status, &json!("insufficient_quota")));
    assert_eq!(refused.headers["x-should-retry"], "false");
}

/// In the searches of operators no character is a wildcard.
#[apply(on_both_databases)]
async fn searches_of_operators_mean_what_they_say(on: On) {
    let app = TestApp::start(on).await;
    let staff = app.staff("operator").await;
    for name in ["a_b", "axb", "Über", "a-b.c"] {
        app.user(name).await;
    }
    let found = async |search: &str| {
        let document = "query($s: String!) { users(search: $s) { nodes { username } } }";
        let users = staff.data(document, json!({ "s": search })).await["users"]["nodes"].take();
        let mut names: Vec<_> =
            users.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(found("a_b").await, ["a_b"]);
    assert_eq!(found("_").await, ["a_b"]);
    assert_eq!(found("%").await, Vec::<String>::new());
    assert_eq!(found("\\").await, Vec::<String>::new());
    assert_eq!(found("ÜBER").await, ["Über"]);
    let mia = app.user("mia").await;
    for name in ["Prod_1", "Prodx1"] {
        let create =
            "mutation($n: String!) { createApiKey(input: {name: $n, scopes: [COMPLETIONS]}) { errors { code } } }";
        mia.data(create, json!({ "n": name })).await;
    }
    let keys = "query($s: String!) { userApiKeys(search: $s) { nodes { name } } }";
    let keys = staff.data(keys, json!({ "s": "prod_" })).await;
    assert_eq!(keys["userApiKeys"]["nodes"], json!([{ "name": "Prod_1" }]));
}

/// A document that skips all its selections has empty data, and no error.
#[tokio::test(flavor = "multi_thread")]
async fn what_skips_everything_has_empty_data() {
    let app = TestApp::start(On::Sqlite).await;
    let answer =
        app.anonymous().graphql("query($no: Boolean!) { me @include(if: $no) { id } }", json!({ "no": false })).await;
    assert_eq!(answer, json!({ "data": {} }));
}

/// A closing handshake is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_answered() {
    use futures::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    for before in [false, true] {
        let mut socket = match before {
            true => crate::support::socket::Socket::open(address, Some("graphql-transport-ws"), None).await,
            false => crate::support::socket::Socket::begin(address, mia.access.as_deref()).await,
        };
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        socket.0.send(Message::Close(Some(frame))).await.unwrap();
        let answer = loop {
            match socket.0.next().await.unwrap().unwrap() {
                Message::Close(frame) => break frame,
                _ => continue,
            }
        };
        assert_eq!(answer.unwrap().code, CloseCode::Normal);
    }
}

/// Sends bytes. Returns all that is received until the connection is closed.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_one_host_is_400() {
    let address = TestApp::start(On::Sqlite).await.serve().await;
    let status = async |version: &str, hosts: &str| {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        exchange(address, &request).await.get(9..12).unwrap().to_owned()
    };
    assert_eq!(status("1.1", "Host: chat.example\r\n").await, "200");
    assert_eq!(status("1.0", "").await, "200");
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a/b\r\n"] {
        assert_eq!(status("1.1", hosts).await, "400", "{hosts:?}");
    }
}

/// The example in the API's description contains no idempotency key: sent verbatim, each message would be a duplicate.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_was_not_filled_in_is_no_idempotency_key() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let document = mia.get("/api/openapi.json").await.json();
    let key = document.pointer("/paths/~1api~1chat~1/post/parameters/0/example").unwrap().as_str().unwrap();
    for (path, body) in [("/api/chat/", json!({ "message": "Hi" })), ("/v1/chat/completions", asking("echo", false))] {
        let request = axum::http::Request::post(path)
            .header("authorization", format!("Bearer {}", mia.access.clone().unwrap()))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let refused = app.anonymous().send(request.body(Body::from(body.to_string())).unwrap()).await;
        assert!(refused.status == 400 && refused.text.contains("unfilled"), "{path}: {}", refused.text);
    }
    assert_eq!(app.balance(&mia).await, (4000, 0));
}

/// The names of response headers have the capitalization of the request (`Sec-WebSocket-Protocol`) or the conventional
/// one, since some clients compare them case-sensitively.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_headers_have_the_letters_that_clients_look_for() {
    let address = TestApp::start(On::Sqlite).await.serve().await;
    let upgrade = |protocol: &str| {
        format!(
            "GET /graphql/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}: graphql-transport-ws\r\n\r\n"
        )
    };
    for protocol in ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(upgrade(protocol).as_bytes()).await.unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains(&format!("\r\n{protocol}: graphql-transport-ws\r\n")), "{head}");
        assert!(head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nConnection: "), "{head}");
    }
    let answer = exchange(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("\r\nContent-Type: ") && answer.contains("\r\nX-Request-Id: "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_408() {
    let app = TestApp::with(On::Sqlite, "http.body_timeout = '300ms'").await;
    let (address, mia) = (app.serve().await, app.user("mia").await);
    let access = mia.access.unwrap();
    for path in ["/graphql", "/graphql/stream", "/api/chat/", "/api/token/", "/v1/chat/completions"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {access}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too slowly"), "{path}: {answer}");
    }
}
