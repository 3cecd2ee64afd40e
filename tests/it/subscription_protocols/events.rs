//! GraphQL over server-sent events, and both protocols at the address of queries.

use serde_json::json;

use super::{BALANCE, PROTOCOL, until};
use crate::support::socket::{Event, Events, Socket};
use crate::support::{On, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_the_protocol() {
    let app = TestApp::with(On::Sqlite, "graphql.heartbeat = '50ms'").await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let access = mia.access.as_deref();
    let mut query = Events::open(address, access, "{ me { username } }", json!({})).await;
    assert_eq!(query.hear().await, json!({ "data": { "me": { "username": "mia" } } }));
    assert_eq!(query.next().await, Event::Complete);
    assert_eq!(query.any().await, None);
    // Validation errors are sent as events, without data.
    for document in
        ["{ nothing }", "{ broken", "subscription { a: balanceChanged { held } b: balanceChanged { held } }"]
    {
        let mut mistaken = Events::open(address, access, document, json!({})).await;
        let response = mistaken.hear().await;
        assert_eq!((response.get("data"), response["errors"].as_array().map(Vec::len)), (None, Some(1)), "{response}");
        assert_eq!(mistaken.next().await, Event::Complete);
    }
    let mut balance = Events::open(address, access, BALANCE, json!({})).await;
    balance.hear().await;
    for _ in 0..3 {
        assert_eq!(balance.any().await, Some(Event::Comment), "it shows that it is alive");
    }
    mia.say("echo", "Hello").await;
    loop {
        if balance.hear().await["data"]["balanceChanged"] == json!({ "tokens": 3900, "held": 0 }) {
            break;
        }
    }
    drop(balance);
    until(&app.app, 0).await;

    assert_eq!(Events::request(address, Some("forged"), BALANCE, json!({})).await.status(), 401);
    let get = |query: &str, accept: &str| {
        let request = axum::http::Request::get(format!("/graphql/stream?query={query}")).header("accept", accept);
        mia.send(request.body(axum::body::Body::empty()).unwrap())
    };
    assert_eq!(get("%7B__typename%7D", "text/event-stream").await.status, 200);
    assert_eq!(get("%7B__typename%7D", "application/json").await.status, 406);
    assert_eq!(get("mutation%7Blogout(input:%7B%7D)%7B__typename%7D%7D", "text/event-stream").await.status, 405);
    let form = axum::http::Request::post("/graphql/stream").header("content-type", "text/plain");
    assert_eq!(mia.send(form.body(axum::body::Body::from("{}")).unwrap()).await.status, 415);
    let over_http = mia.graphql(BALANCE, json!({})).await;
    assert!(over_http["errors"][0]["message"].as_str().unwrap().contains("/graphql/ws"), "{over_http}");
}

/// Many clients share one address.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_queries_takes_sockets_and_events() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = Socket::open_at(address, "/graphql", PROTOCOL, None).await;
    socket.say(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {}", mia.access.clone().unwrap()) } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
    socket.subscribe("b", BALANCE, json!({})).await;
    assert_eq!(socket.hear_next("b").await["data"]["balanceChanged"]["tokens"], 4000);
    let http = crate::support::installation::client();
    let token = mia.access.clone().unwrap();
    let query = json!({ "query": BALANCE });
    let asked =
        http.post(format!("http://{address}/graphql")).bearer_auth(&token).header("accept", "text/event-stream");
    let mut events = asked.json(&query).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut received = String::new();
    while !received.contains("balanceChanged") {
        received.push_str(std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap());
    }
    let asked =
        http.get(format!("http://{address}/graphql?query=%7B__typename%7D")).header("accept", "text/event-stream");
    let events = asked.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("event: next") && events.contains("event: complete"), "{events}");
    // A client that accepts both gets its preferred response format.
    for (accept, kind) in [
        ("application/json, text/event-stream", "application/json; charset=utf-8"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ] {
        let asked = http.post(format!("http://{address}/graphql")).header("accept", accept);
        let answer = asked.json(&json!({ "query": "{ __typename }" })).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], kind, "{accept}");
    }
}
