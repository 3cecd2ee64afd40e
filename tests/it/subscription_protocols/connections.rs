//! Connections that are alive, silent, slow, or closed by the server.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{BALANCE, FOLLOW, START, listening, until};
use crate::support::socket::{Event, Events, Socket};
use crate::support::{On, Step, TestApp};

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

/// A size in bytes above the buffers of a connection.
fn flood() -> Vec<Step> {
    let piece: &'static str = Box::leak("x".repeat(256 << 10).into_boxed_str());
    let mut script = vec![Step::Say(piece); 64];
    script.push(Step::End(None));
    script
}

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
    assert_eq!(follower.closed().await.0, 1012, "clients reconnect");
    assert_eq!(socket.closed().await.0, 1012);
    let mut last = Some(Event::Comment);
    while let Some(event) = events.any().await {
        last = Some(event);
    }
    assert_ne!(last, Some(Event::Complete), "clients reconnect");
    socket.0.close(None).await.ok();
}
