//! Bounds of concurrent operations.

use std::sync::Arc;
use std::time::Duration;

use rstest_reuse::apply;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{BALANCE, listening};
use crate::support::socket::{Events, Socket};
use crate::support::{On, Step, TestApp, on_both_databases};

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
    let all = timeout(Duration::from_secs(9), futures::future::join_all(all)).await.expect("no client waits");
    assert!(all.iter().all(Result::is_ok));
}
