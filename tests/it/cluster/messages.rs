//! Messages between servers: parts of replies, stops, sessions that end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use jeton::core::keyed_hash::KeyedHash;
use jeton::core::random::Random;
use jeton::domain::chat::{self, ReplyStreamItem};
use jeton::infra::cluster::{Bus, BusEvent, Settings};
use rstest_reuse::apply;
use serde_json::json;
use tokio::sync::Semaphore;

use super::{LIVE, Two, eventually, over, redis};
use crate::reply_stream::{newest, start, viewer};
use crate::support::installation::Installation;
use crate::support::socket::{Events, Socket};
use crate::support::{On, Step, on_both_databases};

#[apply(on_both_databases)]
async fn parts_come_live_from_another_server_over_redis(on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let mia = servers.one.user("mia").await;
    let viewer = viewer(&servers.one, &mia).await;
    let gate = Arc::new(Semaphore::new(0));
    let pieces = ["Zwölf ", "Boxkämpfer ", "🥊 ", "jagen ", "Viktor"];
    let mut script = vec![Step::Say("Vorher. ")];
    script.extend(pieces.iter().flat_map(|piece| [Step::Wait(gate.clone()), Step::Say(piece)]));
    script.extend([Step::Wait(gate.clone()), Step::End(None)]);
    servers.one.model.play(script);
    let watching = servers.serve_two().await;
    let mut balance =
        Events::open(watching, mia.access.as_deref(), "subscription { balanceChanged { tokens held } }", json!({}))
            .await;
    balance.hear().await;
    let begun = Instant::now();
    start(&mia).await;
    let id = newest(&servers.one, viewer).await;
    assert_eq!(balance.hear().await["data"]["balanceChanged"], json!({ "tokens": 3900, "held": 100 }));
    let mut feed = Box::pin(
        chat::follow(&servers.two, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
    );
    let mut position = 0;
    // None of this is in the database: the other server sends it again.
    for piece in ["Vorher. "].iter().chain(&pieces) {
        let asked = Instant::now();
        let Some(Ok(ReplyStreamItem::Delta(delta))) = feed.next().await else { panic!("a part") };
        assert_eq!((delta.offset, delta.text.as_str()), (position, *piece));
        assert!(asked.elapsed() < LIVE, "{piece} took {:?}", asked.elapsed());
        position = delta.end;
        gate.add_permits(1);
    }
    let Some(Ok(ReplyStreamItem::Ended(ended))) = feed.next().await else { panic!("an end") };
    assert_eq!(ended.chat.response, format!("Vorher. {}", pieces.concat()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(balance.hear().await["data"]["balanceChanged"], json!({ "tokens": 3900, "held": 0 }));
    // No server receives its own messages.
    let mut own = Box::pin(
        chat::follow(&servers.one.app, viewer.require_read().unwrap(), id, chat::ReplyPosition::default())
            .await
            .unwrap(),
    );
    assert!(matches!(own.next().await, Some(Ok(ReplyStreamItem::Delta(all))) if all.text == ended.chat.response));
    let health = servers.two.bus.health().unwrap();
    assert!(health.received >= 7 && health.dropped == 0 && health.connections == 1, "{health:?}");
}

#[apply(on_both_databases)]
async fn a_reply_is_stopped_from_another_server_over_redis(on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let mia = servers.one.user("mia").await;
    servers.one.model.play([Step::Say("Half"), Step::Hang]);
    let id = start(&mia).await;
    let stop =
        "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status response cost } errors { code } } }";
    let begun = Instant::now();
    let stopped = servers.at_two(&mia).data(stop, json!({ "id": id })).await["stopMessage"].take();
    assert_eq!(stopped, json!({ "chat": { "status": "STOPPED", "response": "Half", "cost": 100 }, "errors": [] }));
    assert!(begun.elapsed() < LIVE, "{:?}", begun.elapsed());
}

#[apply(on_both_databases)]
async fn sessions_that_end_elsewhere_close_sockets_here_over_redis(on: On) {
    let servers = Two::start(on, &over(&redis(), "")).await;
    let (mia, tom) = (servers.one.user("mia").await, servers.one.user("tom").await);
    let boss = servers.one.superuser("boss").await;
    let address = servers.serve_two().await;
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    let mut stream =
        Events::open(address, mia.access.as_deref(), "subscription { balanceChanged { tokens } }", json!({})).await;
    stream.hear().await;
    let mut other = Socket::begin(address, tom.access.as_deref()).await;
    // Both topics are subscribed before a message is published on each.
    other.subscribe("1", "subscription { balanceChanged { tokens } }", json!({})).await;
    other.hear_next("1").await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    let begun = Instant::now();
    mia.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
    assert_eq!(socket.closed().await.0, 4403);
    let refused = stream.hear().await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(servers.at_two(&mia).post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);

    let begun = Instant::now();
    let deactivate = "mutation($id: ID!) { updateUser(input: {userId: $id, active: false}) { errors { code } } }";
    let id = tom.global_id().await;
    let done = boss.data(deactivate, json!({ "id": id })).await;
    assert_eq!(done["updateUser"]["errors"], json!([]));
    assert_eq!(other.closed().await.0, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn strangers_on_the_same_redis_hear_nothing() {
    let (url, own) = (redis().into(), Random::system().hex128());
    let bus = |server: &str, secret: &str| {
        let hash = KeyedHash::new(format!("{own} {secret}").as_bytes(), "test").unwrap();
        Bus::redis(Settings { url: &url, server, hash }).unwrap()
    };
    let (one, two, foreign) = (bus("one", "a"), bus("two", "a"), bus("three", "b"));
    let mut heard = [two.subscribe("t"), two.subscribe("all:t")];
    let mut strange = [foreign.subscribe("t"), foreign.subscribe("all:t")];
    // Notified once the channel is open.
    assert_eq!(heard[0].next().await, BusEvent::Lagged);
    assert_eq!(strange[0].next().await, BusEvent::Lagged);
    eventually("all are there", || [&one, &two, &foreign].iter().all(|bus| bus.health().unwrap().is_up)).await;
    for topic in ["t", "all:t", "nobody's"] {
        one.publish(topic, || format!("of {topic}, with \0").into_bytes());
    }
    one.sent().await;
    assert_eq!(heard[0].next().await, BusEvent::Message(b"of t, with \0"[..].into()));
    assert_eq!(heard[1].next().await, BusEvent::Message(b"of all:t, with \0"[..].into()));
    foreign.publish("t", || b"own".to_vec());
    assert_eq!(strange[0].next().await, BusEvent::Message(b"own"[..].into()), "and of the others nothing");
    let nothing = tokio::time::timeout(Duration::from_millis(100), strange[1].next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let again = tokio::time::timeout(Duration::from_millis(100), strange[0].next()).await;
    assert!(again.is_err(), "what it said itself comes once: {again:?}");
    // A subscriber of an open channel receives messages immediately; after it was closed, a new one is notified when it
    // is open again.
    let mut beside = two.subscribe("t");
    one.publish("t", || b"more".to_vec());
    assert_eq!(beside.next().await, BusEvent::Message(b"more"[..].into()));
    drop((heard, beside));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut late = two.subscribe("t");
    assert_eq!(late.next().await, BusEvent::Lagged);
    one.publish("t", || b"again".to_vec());
    assert_eq!(late.next().await, BusEvent::Message(b"again"[..].into()));
    one.sent().await;
    assert_eq!(one.health().unwrap().sent, 5);
}

#[apply(on_both_databases)]
async fn the_command_line_is_heard_by_servers_over_redis(on: On) {
    let redis = redis();
    let installation = Installation::new(on, &[("JETON_CLUSTER__REDIS", &redis)]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut socket = Socket::begin(address, Some(&access)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    installation.ok(&["user", "deactivate", "mia"]);
    let begun = Instant::now();
    assert_eq!(socket.closed().await.0, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let shown = installation.ok(&["config", "show"]);
    assert!(shown.contains("[cluster]"), "{shown}");
}
