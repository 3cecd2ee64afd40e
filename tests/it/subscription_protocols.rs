//! Protocol conformance of the transports of subscriptions: graphql-transport-ws with each close code, and GraphQL over
//! server-sent events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jeton::app::App;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, UserUpdate};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::socket::{Event, Events, Socket};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const BALANCE: &str = "subscription { balanceChanged { tokens held } }";
const LOG_OUT: &str = "mutation { logout(input: {}) { errors { code } } }";
const PROTOCOL: Option<&str> = Some("graphql-transport-ws");

fn init() -> Value {
    json!({ "type": "connection_init" })
}

/// A socket of a logged-in user with a subscription to the balance, whose first event was received.
async fn listening(address: SocketAddr, client: &Client) -> Socket {
    let mut socket = Socket::begin(address, client.access.as_deref()).await;
    socket.subscribe("b", BALANCE, json!({})).await;
    let first = socket.hear_next("b").await;
    assert_eq!(first, json!({ "data": { "balanceChanged": { "tokens": 4000, "held": 0 } } }));
    socket
}

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
    for (query, told) in [
        ("{ broken", "expected"),
        ("subscription { a: balanceChanged { held } b: balanceChanged { held } }", "exactly one field"),
        ("subscription { ...F } fragment F on Subscription { balanceChanged { held } }", "exactly one field"),
    ] {
        socket.subscribe("q", query, json!({})).await;
        let refused = socket.hear().await;
        assert_eq!(refused["type"], "error", "{refused}");
        assert!(refused["payload"][0]["message"].as_str().unwrap().contains(told), "{refused}");
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
async fn one_socket_has_room_for_so_many_operations() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let mut socket = Socket::begin(app.serve().await, mia.access.as_deref()).await;
    for number in 0..100 {
        socket.subscribe(&number.to_string(), BALANCE, json!({})).await;
    }
    for _ in 0..100 {
        assert_eq!(socket.hear().await["type"], "next");
    }
    socket.subscribe("more", BALANCE, json!({})).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("more")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[apply(on_both_databases)]
async fn a_burst_of_queries_waits_beside_as_many_subscriptions_as_there_may_be(on: On) {
    let app = TestApp::start(on).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    for number in 0..100 {
        let id = format!("s{number}");
        socket.subscribe(&id, BALANCE, json!({})).await;
        socket.hear_next(&id).await;
    }
    for number in 0..400 {
        socket.subscribe(&format!("q{number}"), "{ me { username } }", json!({})).await;
    }
    // A queued operation can be cancelled, and its id is taken until then.
    socket.subscribe("last", "{ me { tokens } }", json!({})).await;
    socket.say(json!({ "type": "complete", "id": "last" })).await;
    let (mut answered, mut completed) = (std::collections::BTreeSet::new(), 0);
    while completed < 400 {
        let heard = socket.hear().await;
        if heard["id"] == "last" {
            continue;
        }
        match heard["type"].as_str().unwrap() {
            "next" => {
                assert_eq!(heard["payload"], json!({ "data": { "me": { "username": "mia" } } }));
                assert!(answered.insert(heard["id"].as_str().unwrap().to_owned()), "once each");
            }
            "complete" => completed += 1,
            _ => panic!("{heard}"),
        }
    }
    assert_eq!(answered.len(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_a_socket_is_bounded() {
    let held = Arc::new(Semaphore::new(0));
    let toml = "ledger.signup_grant = 1000000";
    let app = TestApp::with(On::Sqlite, toml).await;
    let mia = app.user("mia").await;
    let mut socket = Socket::begin(app.serve().await, mia.access.as_deref()).await;
    let send = "mutation { sendMessage(input: { message: \"x\", model: \"scripted\" }) { chat { status } } }";
    for number in 0..100 {
        app.model.play([Step::Wait(held.clone()), Step::Say("ok"), Step::End(None)]);
        socket.subscribe(&format!("m{number}"), send, json!({})).await;
    }
    // Long ones, so that the limit of bytes applies.
    let long = format!("{{ me {{ username }} }} #{}", "x".repeat(2000));
    let mut refused = 0;
    for number in 0..40 {
        socket.subscribe(&format!("q{number}"), &long, json!({})).await;
    }
    socket.say(json!({ "type": "ping" })).await;
    loop {
        let heard = socket.hear().await;
        if heard["type"] == "pong" {
            break;
        }
        assert_eq!(
            (&heard["type"], &heard["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!("RATE_LIMITED"))
        );
        refused += 1;
    }
    assert!((5..15).contains(&refused), "64 KiB wait, and no more: {refused} of 40 were refused");
    held.add_permits(100);
    let mut completed = 0;
    while completed < 140 - refused {
        let heard = socket.hear().await;
        assert!(heard["type"] != "error", "{heard}");
        completed += usize::from(heard["type"] == "complete");
    }
}

#[apply(on_both_databases)]
async fn clients_that_come_at_once_do_not_wait_for_each_other(on: On) {
    let app = TestApp::start(on).await;
    let (address, mia) = (app.serve().await, app.user("mia").await);
    // Many more than the connections of the pool, whose acquire timeout is ten seconds.
    let all = (0..100).map(|number| {
        let mia = mia.clone();
        tokio::spawn(async move {
            if number % 2 == 0 {
                listening(address, &mia).await;
            } else {
                Events::open(address, mia.access.as_deref(), BALANCE, json!({})).await.hear().await;
            }
        })
    });
    let all = timeout(Duration::from_secs(9), futures::future::join_all(all)).await.expect("nobody waits");
    assert!(all.iter().all(Result::is_ok));
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

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_speaks_for_whoever_its_credential_proves() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let header = format!("Bearer {}", mia.access.clone().unwrap());
    let mut by_header = Socket::open(address, PROTOCOL, Some(&header)).await;
    by_header.say(init()).await;
    by_header.hear().await;
    by_header.subscribe("1", "{ me { username } }", json!({})).await;
    assert_eq!(by_header.hear_next("1").await["data"]["me"]["username"], "mia");
    let mut nobody = Socket::begin(address, None).await;
    nobody.subscribe("1", BALANCE, json!({})).await;
    assert_eq!(nobody.hear_next("1").await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    for payload in [
        json!({ "authorization": "Bearer forged" }),
        json!({ "authorization": "Basic x" }),
        json!({ "authorization": 5 }),
    ] {
        let mut forged = Socket::open(address, PROTOCOL, None).await;
        forged.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(forged.closed().await.0, 4403, "{payload}");
    }
}

/// Operations that end a session, and so its sockets and streams.
#[rstest]
#[case::the_access_token_ends(|app: &TestApp, _: &Client| app.clock.advance(Duration::from_secs(3600)))]
#[case::logging_out(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move { drop(mia.data(LOG_OUT, json!({})).await) } }))]
#[case::logging_out_everywhere(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move {
    drop(mia.data("mutation { logoutEverywhere(input: {}) { errors { code } } }", json!({})).await);
} }))]
#[case::a_used_refresh_token(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move {
    let token = mia.refresh.clone().unwrap();
    // Two concurrent refreshes may be one client that lost the response.
    for _ in 0..3 {
        mia.data("mutation($t: String!) { refreshToken(input: {refreshToken: $t}) { errors { code } } }", json!({ "t": token })).await;
    }
} }))]
#[case::deactivation(|app: &TestApp, mia: &Client| { let (id, own) = (mia.user_id(), app.app.clone()); run(app, async move {
    let change = UserUpdate { active: Some(false), ..UserUpdate::default() };
    admin::update(&own, Actor::CommandLine, id, change).await.unwrap();
}) })]
#[case::deletion(|app: &TestApp, mia: &Client| { let (id, own) = (mia.user_id(), app.app.clone()); run(app, async move {
    admin::delete(&own, Actor::CommandLine, id).await.unwrap();
}) })]
#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_streams_end_with_their_session(#[case] end: impl Fn(&TestApp, &Client)) {
    // So short that its expiry is noticed soon, although the clock of tests is manual.
    let app = TestApp::with(On::Sqlite, "auth.access_ttl = '1s'").await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = listening(address, &mia).await;
    let mut events = Events::open(address, mia.access.as_deref(), BALANCE, json!({})).await;
    events.hear().await;
    end(&app, &mia);
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4403, "clients come again with another credential: {reason}");
    let told = loop {
        // The balance may change with the session.
        let data = events.hear().await;
        if data.get("errors").is_some() {
            break data;
        }
    };
    assert!(
        ["UNAUTHENTICATED", "NOT_FOUND"].contains(&told["errors"][0]["extensions"]["code"].as_str().unwrap()),
        "{told}"
    );
    assert_eq!(events.next().await, Event::Complete);
}

/// Runs something concurrently with the test.
fn run(_: &TestApp, what: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(what);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_of_a_socket_have_the_roles_of_that_moment() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let tom = app.staff("tom").await;
    let mut socket = Socket::begin(address, tom.access.as_deref()).await;
    let users = "{ users { totalCount } }";
    socket.subscribe("1", users, json!({})).await;
    assert_eq!(socket.hear_next("1").await["data"]["users"]["totalCount"], 1);
    socket.hear().await;
    let change = UserUpdate { staff: Some(false), ..UserUpdate::default() };
    admin::update(&app.app, Actor::CommandLine, tom.user_id(), change).await.unwrap();
    socket.subscribe("2", users, json!({})).await;
    assert_eq!(socket.hear_next("2").await["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_show_that_they_are_alive_and_the_dead_are_dropped() {
    let app = TestApp::with(On::Sqlite, "graphql.heartbeat = '50ms'").await;
    let address = app.serve().await;
    let mut alive = Socket::begin(address, None).await;
    // Reading answers the pings; ten times the timeout of the silent client.
    let reading = async {
        let mut pings = 0;
        while pings < 10 {
            pings += usize::from(matches!(alive.0.next().await, Some(Ok(Message::Ping(_)))));
        }
    };
    timeout(Duration::from_secs(20), reading).await.unwrap();
    alive.subscribe("1", "{ __typename }", json!({})).await;
    alive.hear_next("1").await;
    // A client that does not read does not answer pings, and is disconnected after a while.
    let dead = Socket::begin(address, None).await;
    until(&app.app, 1).await;
    drop(dead);
}

/// Waits until this number of tasks of sockets and streams is left.
async fn until(app: &App, left: usize) {
    let gone = async {
        while app.streams.len() > left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("sockets are dropped");
}

/// A size in bytes above the buffers of a connection.
fn flood() -> Vec<Step> {
    let piece: &'static str = Box::leak("x".repeat(256 << 10).into_boxed_str());
    let mut script = vec![Step::Say(piece); 64];
    script.push(Step::End(None));
    script
}

const START: &str = "mutation { startMessage(input: {message: \"Hi\", model: \"scripted\"}) { chat { id } } }";
const FOLLOW: &str = "subscription($id: ID!) { replyStream(chatId: $id) { ... on ReplyDelta { text } } }";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_too_slowly_is_dropped_with_a_reason() {
    let app = TestApp::with(On::Sqlite, "graphql.write_timeout = '200ms'").await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    app.model.play(flood());
    let id = mia.data(START, json!({})).await["startMessage"]["chat"]["id"].take();
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", FOLLOW, json!({ "id": id })).await;
    let mut events = Events::open(address, mia.access.as_deref(), FOLLOW, json!({ "id": id })).await;
    app.settled().await;
    // Long enough for the timeout on a machine that is busy.
    tokio::time::sleep(Duration::from_secs(3)).await;
    // The close reason was sent if the buffers had space; reading now finds it, or the end of the connection.
    let reading = async {
        loop {
            match socket.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return Some(u16::from(frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    let code = timeout(Duration::from_secs(20), reading).await.unwrap();
    assert!(code.is_none_or(|code| code == 1013), "{code:?}");
    let mut last = Value::Null;
    while let Event::Next(data) = events.next().await {
        last = data;
    }
    assert_eq!(last["errors"][0]["extensions"]["code"], "TIMEOUT", "{last:.200}");
    until(&app.app, 0).await;
    // It can resume, and receives the whole reply.
    let mut again = Socket::begin(address, mia.access.as_deref()).await;
    again.subscribe("1", FOLLOW, json!({ "id": id })).await;
    let mut whole = 0;
    while let Some(text) = again.hear_next("1").await["data"]["replyStream"]["text"].as_str() {
        whole += text.len();
    }
    assert_eq!(whole, 64 * (256 << 10));
}

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
        let told = mistaken.hear().await;
        assert_eq!((told.get("data"), told["errors"].as_array().map(Vec::len)), (None, Some(1)), "{told}");
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
    let mut told = String::new();
    while !told.contains("balanceChanged") {
        told.push_str(std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = listening(address, &mia).await;
    let mut events = Events::open(address, mia.access.as_deref(), BALANCE, json!({})).await;
    events.hear().await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    let id = mia.data(START, json!({})).await["startMessage"]["chat"]["id"].take();
    let follow = "subscription($id: ID!) { replyStream(chatId: $id) { __typename } }";
    let mut follower = Socket::begin(address, mia.access.as_deref()).await;
    follower.subscribe("1", follow, json!({ "id": id })).await;
    assert_eq!(follower.hear_next("1").await["data"]["replyStream"]["__typename"], "ReplyDelta");
    app.app.stopping.cancel();
    assert_eq!(follower.hear_next("1").await["data"]["replyStream"]["__typename"], "ReplyFailed");
    assert_eq!(follower.closed().await.0, 1012, "clients come again");
    assert_eq!(socket.closed().await.0, 1012);
    let mut last = Some(Event::Comment);
    while let Some(event) = events.any().await {
        last = Some(event);
    }
    assert_ne!(last, Some(Event::Complete), "clients come again");
    socket.0.close(None).await.ok();
}
