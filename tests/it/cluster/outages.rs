//! Redis that is killed, unreachable or wrongly configured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jeton::domain::chat;
use nix::sys::signal::Signal;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{OwnRedis, Two, eventually, over};
use crate::reply_stream::{newest, start, viewer, whole};
use crate::support::installation::Installation;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

/// Returns the readiness of a server, and whether it reports the bus as down.
async fn ready(client: &Client) -> (u16, bool) {
    let answer = client.get("/readyz").await;
    assert!(answer.text.starts_with("ready\n"), "{}", answer.text);
    (answer.status.as_u16(), answer.text.contains("the bus is down"))
}

#[apply(on_both_databases)]
async fn redis_is_killed_and_started_again_and_no_part_is_lost(on: On) {
    let mut own = OwnRedis::start();
    let servers = Two::start(on, &over(&own.url(), "").replace("'10s'", "'50ms'")).await;
    let mia = servers.one.user("mia").await;
    let (viewer, elsewhere) = (viewer(&servers.one, &mia).await, servers.at_two(&mia));
    let gate = Arc::new(Semaphore::new(0));
    let pieces: Vec<String> = (0..60).map(|number| format!("part {number}, ")).collect();
    let text = pieces.concat();
    let mut script: Vec<_> =
        pieces.into_iter().flat_map(|piece| [Step::Wait(gate.clone()), Step::Say(piece.leak())]).collect();
    script.push(Step::End(None));
    servers.one.model.play(script);
    start(&mia).await;
    let id = newest(&servers.one, viewer).await;
    let following = tokio::spawn({
        let two = servers.two.clone();
        async move {
            whole(
                chat::follow(&two, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
                0,
            )
            .await
        }
    });
    let say = async |count| {
        for _ in 0..count {
            gate.add_permits(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Sending continues without a delay.
    let send = async |client: &Client| {
        let begun = Instant::now();
        let sent = client.say("echo", "Hello").await;
        assert_eq!((&sent["errors"], &sent["chat"]["status"]), (&json!([]), &json!("DONE")));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    };
    assert_eq!(ready(&elsewhere).await, (200, false));
    say(15).await;
    send(&mia).await;
    own.kill();
    say(5).await;
    send(&elsewhere).await;
    servers.becomes(false).await;
    assert_eq!(ready(&elsewhere).await, (200, true));
    say(10).await;
    send(&mia).await;
    own.again();
    servers.becomes(true).await;
    assert_eq!(ready(&elsewhere).await, (200, false));
    say(10).await;
    // This time it only hangs.
    own.signal(Signal::SIGSTOP);
    say(10).await;
    send(&elsewhere).await;
    send(&mia).await;
    servers.becomes(false).await;
    send(&mia).await;
    own.signal(Signal::SIGCONT);
    servers.becomes(true).await;
    say(10).await;
    gate.add_permits(1);
    let (streamed, ended) = following.await.unwrap();
    assert_eq!((streamed.as_str(), ended.chat.response.as_str()), (text.as_str(), text.as_str()));
    let health = servers.two.bus.health().unwrap();
    assert!(health.connections >= 3 && health.counted_alone > 0, "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_keeps_nobody_from_starting() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app =
        TestApp::with(On::Sqlite, &over(&format!("redis://{unused}"), "limits.messages_per_minute_per_user = 2")).await;
    let mia = app.user("mia").await;
    let code = async || mia.say("echo", "Hello").await["errors"][0]["code"].clone();
    assert_eq!((code().await, code().await), (Value::Null, Value::Null));
    assert_eq!(code().await, "RATE_LIMITED", "by the server's own count");
    assert_eq!(ready(&mia).await, (200, true));
    eventually("news are dropped", || app.app.bus.health().unwrap().dropped > 0).await;
}

#[tokio::test]
async fn the_password_of_redis_is_not_shown() {
    let url = "rediss://me:secretsecret@redis.example:6379";
    let installation = Installation::new(On::Sqlite, &[("JETON_CLUSTER__REDIS", url)]).await;
    let shown = installation.ok(&["config", "show"]);
    assert!(shown.contains("rediss://(hidden)@redis.example:6379") && !shown.contains("secretsecret"), "{shown}");
    let error_of = |value: &str| {
        let mut command = installation.command(&["config", "check"]);
        let output = command.env("JETON_CLUSTER__REDIS", value).output().unwrap();
        assert!(!output.status.success(), "{value}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error_of("secretsecret").contains("cluster.redis: an address is needed"));
    assert!(!error_of("http://me:secretsecret@x").contains("secretsecret"));
    assert!(error_of("12345").contains("cluster.redis: text is needed"));
}
