//! Messages of graphql-transport-ws: handshake, operation ids, sizes.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{BALANCE, PROTOCOL, init, listening};
use crate::support::socket::Socket;
use crate::support::{On, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_none_close_with_4400() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    for bad in [
        "hello",
        "[]",
        "null",
        r#"{"id": "1"}"#,
        r#"{"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}"#,
        r#"{"type": "subscribe", "payload": {"query": "{ __typename }"}}"#,
        r#"{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}"#,
        r#"{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}"#,
        r#"{"type": "subscribe", "id": "1"}"#,
        r#"{"type": "subscribe", "id": "1", "payload": {}}"#,
        r#"{"type": "subscribe", "id": "1", "payload": {"query": 5}}"#,
        r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": []}}"#,
        r#"{"type": "complete"}"#,
        r#"{"type": "ping", "payload": "text"}"#,
    ] {
        let mut socket = Socket::begin(address, None).await;
        socket.send(Message::Text(bad.into())).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 4400, "{bad}: {reason}");
    }
    let mut socket = Socket::begin(address, None).await;
    socket.send(Message::Binary(init().to_string().into_bytes().into())).await;
    assert_eq!(socket.closed().await.0, 4400);
    let mut socket = Socket::open(address, PROTOCOL, None).await;
    socket.say(json!({ "type": "connection_init", "payload": 5 })).await;
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_handshake_is_kept() {
    let app = TestApp::with(On::Sqlite, "graphql.init_timeout = '100ms'").await;
    let address = app.serve().await;
    let mut early = Socket::open(address, PROTOCOL, None).await;
    early.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(early.closed().await, (4401, "Unauthorized".to_owned()));
    let mut eager = Socket::begin(address, None).await;
    eager.say(init()).await;
    assert_eq!(eager.closed().await, (4429, "Too many initialisation requests".to_owned()));
    let mut silent = Socket::open(address, PROTOCOL, None).await;
    // A ping is allowed before connection_init, and does not replace it.
    silent.say(json!({ "type": "ping" })).await;
    assert_eq!(silent.hear().await, json!({ "type": "pong" }));
    assert_eq!(silent.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    for protocol in [None, Some("graphql-ws"), Some("soap")] {
        // A client that requested another sub-protocol may reject the response itself.
        let opening = tokio::spawn(async move { Socket::open(address, protocol, None).await.closed().await });
        match opening.await {
            Ok((code, _)) => assert_eq!(code, 4406),
            Err(_) => assert!(protocol.is_some()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_go_by_their_ids() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = listening(address, &mia).await;
    // Queries and mutations have a single response.
    socket.subscribe("q", "{ me { username } }", json!({})).await;
    assert_eq!(socket.hear_next("q").await, json!({ "data": { "me": { "username": "mia" } } }));
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "q" }));
    socket.subscribe("q", "{ nothing }", json!({})).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("q")));
    assert!(refused["payload"][0]["message"].as_str().unwrap().contains("nothing"), "{refused}");
    for (query, message) in [
        ("{ broken", "expected"),
        ("subscription { a: balanceChanged { held } b: balanceChanged { held } }", "exactly one field"),
        ("subscription { ...F } fragment F on Subscription { balanceChanged { held } }", "exactly one field"),
    ] {
        socket.subscribe("q", query, json!({})).await;
        let refused = socket.hear().await;
        assert_eq!(refused["type"], "error", "{refused}");
        assert!(refused["payload"][0]["message"].as_str().unwrap().contains(message), "{refused}");
    }
    // The id can be reused: nothing follows the error. A resolver error is a regular response.
    let failing = "subscription { replyStream(chatId: \"x\") { __typename } }";
    socket.subscribe("q", failing, json!({})).await;
    let failed = socket.hear_next("q").await;
    assert_eq!((&failed["data"], &failed["errors"][0]["extensions"]["code"]), (&Value::Null, &json!("NOT_FOUND")));
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "q" }));
    // A completed operation gets no response, and sends no more messages.
    socket.say(json!({ "type": "complete", "id": "b" })).await;
    socket.say(json!({ "type": "complete", "id": "never" })).await;
    socket.say(json!({ "type": "pong", "payload": { "a": 1 } })).await;
    mia.say("echo", "Hello").await;
    socket.say(json!({ "type": "ping", "payload": { "at": 5 } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "at": 5 } }));
    socket.subscribe("b", BALANCE, json!({})).await;
    assert_eq!(socket.hear_next("b").await["data"]["balanceChanged"]["tokens"], 3900);
    socket.subscribe("b", BALANCE, json!({})).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for b already exists".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_as_large_as_bodies_at_most() {
    let app = TestApp::with(On::Sqlite, "http.max_body_bytes = 20000").await;
    let mut socket = Socket::begin(app.serve().await, None).await;
    socket.subscribe("1", &format!("{{ __typename }} #{}", "x".repeat(15_000)), json!({})).await;
    assert_eq!(socket.hear_next("1").await["data"]["__typename"], "Query");
    socket.hear().await;
    socket.subscribe("2", &format!("{{ __typename }} #{}", "x".repeat(25_000)), json!({})).await;
    assert_eq!(socket.closed().await.0, 1009);
}
