//! Servers that know of each other by the database: heartbeats, warnings, readiness.

use std::time::{Duration, Instant};

use jeton::app::App;
use jeton::domain::membership;
use jeton::infra::entity::cluster_member;
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::support::installation::{Installation, client};
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn a_second_server_without_a_bus_is_seen_and_warned_of(on: On) {
    let installation =
        Installation::new(on, &[("JETON_TURNS__LEASE", "1s"), ("JETON_LOG__FILTER", "jeton=warn")]).await;
    let log = installation.data.path().join("log");
    let ready = async |url: &str| {
        let answer = client().get(format!("{url}/readyz")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let becomes = async |url: &str, expected: &str| {
        let begun = Instant::now();
        while ready(url).await != expected {
            assert!(begun.elapsed() < Duration::from_secs(20), "{expected:?}, not {:?}", ready(url).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // A server that is killed and restarted is one member, not two.
    installation.serve().kill();
    let one = installation.serve_with_log(std::fs::File::create(&log).unwrap().into());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(ready(&one.url).await, "ready\n");
    let two = installation.serve();
    let warned = "ready\nother servers on this database: 1, without a common bus (cluster.redis is empty)\n";
    becomes(&one.url, warned).await;
    becomes(&two.url, warned).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let logged = std::fs::read_to_string(&log).unwrap();
    let warnings = logged.matches("another server uses this database without a common bus").count();
    assert_eq!(warnings, 1, "{logged}");
    assert!(two.terminate());
    becomes(&one.url, "ready\n").await;
}

#[apply(on_both_databases)]
async fn servers_that_died_are_forgotten(on: On) {
    let app = TestApp::start(on).await;
    let at = |app: &App, address: &str| {
        let now = app.clock.now();
        cluster_member::Model {
            id: app.id.clone(),
            started_at: now,
            seen_at: now,
            version: "1".to_owned(),
            address: address.to_owned(),
        }
    };
    let (one, two) = (app.app.clone(), app.second_server());
    let (first, second) = (at(&one, "a"), at(&two, "b"));
    let addresses =
        |servers: Vec<cluster_member::Model>| servers.into_iter().map(|server| server.address).collect::<Vec<_>>();
    assert_eq!(addresses(membership::send_heartbeat(&one, &first).await.unwrap()), [""; 0]);
    app.clock.advance(Duration::from_secs(15));
    membership::send_heartbeat(&two, &second).await.unwrap();
    assert_eq!(addresses(membership::send_heartbeat(&one, &first).await.unwrap()), ["b"]);
    app.clock.advance(Duration::from_secs(20));
    assert_eq!(addresses(membership::send_heartbeat(&two, &second).await.unwrap()), ["a"]);
    app.clock.advance(Duration::from_secs(20));
    assert_eq!(
        addresses(membership::send_heartbeat(&two, &second).await.unwrap()),
        [""; 0],
        "no heartbeat for a lease"
    );
    let rows = cluster_member::Entity::find().all(app.app.db.read()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].address.as_str(), rows[0].started_at), ("b", second.started_at));
}

#[apply(on_both_databases)]
async fn a_server_that_drains_says_so_and_still_answers(on: On) {
    let installation = Installation::new(on, &[("JETON_HTTP__SHUTDOWN_DELAY", "2s")]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let (url, begun) = (server.url.clone(), Instant::now());
    let ending = tokio::task::spawn_blocking(move || server.terminate());
    let drained = async {
        loop {
            let answer = client().get(format!("{url}/readyz")).send().await.unwrap();
            if answer.status() == 503 {
                return answer.text().await.unwrap();
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(1), drained).await.unwrap(), "shutting down\n");
    let sent = client().post(format!("{url}/api/chat/")).bearer_auth(access).json(&json!({ "message": "Hello" }));
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 200, "a client that has not noticed yet is answered");
    assert!(ending.await.unwrap());
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(installation.ok(&["verify"]).contains("clean"));
}
