//! PostgreSQL that goes away: before a message, in the middle of either of its two transactions, with the COMMIT answered
//! or not. Nothing is charged twice or lost, and all is well again by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jeton::ai::echo::Echo;
use jeton::chat;
use rstest::rstest;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::faults::{assert_away, assert_away_everywhere, is_ready, send, status, until};
use crate::support::installation::Installation;
use crate::support::proxy::{Moment, Proxy};
use crate::support::{Client, On, Place, Step, TestApp};

/// Replies are not saved midway, so that the transactions of a message are exactly two.
const SETTINGS: &str = "database.acquire_timeout = '1s'\nturns.save_interval = '1h'\nturns.lease = '3h'";

/// The proxy stays until the app is gone, which looks at its database once more.
async fn behind_proxy() -> (Proxy, TestApp) {
    let place = Place::make(On::Postgres).await;
    let proxy = Proxy::to(&place).await;
    let url = proxy.url(&place);
    let app = TestApp::at(place, &url, SETTINGS, Arc::new(Echo)).await;
    (proxy, app)
}

/// A message whose hold is taken, and which is answered when it gets a permit.
async fn waiting(app: &TestApp, mia: &Client) -> (tokio::task::JoinHandle<serde_json::Value>, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(permits.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { send(&mia, "key").await }
    });
    until("the hold is taken", async || app.balance(mia).await == (3900, 100)).await;
    (sending, permits)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_while_the_hold_is_taken(
    #[values(Moment::Midway, Moment::BeforeCommit, Moment::AfterCommit)] moment: Moment,
) {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    proxy.cut(moment);
    assert_away(&send(&mia, "key").await);
    assert!(proxy.has_cut());
    assert!(is_ready(&app).await, "it is there again");
    if moment == Moment::AfterCommit {
        // The hold is taken, and nobody knows: the sweeper ends it, and nothing is charged.
        assert_eq!(app.balance(&mia).await, (3900, 100));
        app.clock.advance(Duration::from_secs(3 * 3600 + 1));
        assert_eq!(chat::sweep(&app.app).await.unwrap(), 1);
        assert_eq!(app.balance(&mia).await, (4000, 0));
        assert_eq!(status(&send(&mia, "key").await), "INTERRUPTED", "the first chat, whatever its state");
        assert_eq!(status(&send(&mia, "another").await), "DONE");
    } else {
        assert_eq!(app.balance(&mia).await, (4000, 0));
        let first = send(&mia, "key").await;
        assert_eq!(status(&first), "DONE");
        assert_eq!(send(&mia, "key").await, first);
    }
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_while_the_hold_is_settled(
    #[values(Moment::Midway, Moment::BeforeCommit, Moment::AfterCommit)] moment: Moment,
) {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.cut(moment);
    permits.add_permits(1);
    let answer = sending.await.unwrap();
    assert!(proxy.has_cut());
    assert_eq!(status(&answer), "DONE", "written again, or found to be written");
    assert_eq!(app.balance(&mia).await, (3900, 0));
    assert_eq!(send(&mia, "key").await, answer);
    let entries = app.ledger(&mia).await;
    assert_eq!(entries[1..], [("ChatDone".to_owned(), -100)], "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_for_a_while_is_told_and_answers_are_kept_for_it() {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.go_down();
    permits.add_permits(1);
    let start = Instant::now();
    assert_eq!(mia.code("{ me { username } }", json!({})).await, "UNAVAILABLE");
    assert_away_everywhere(&mia).await;
    assert!(!is_ready(&app).await);
    assert!(start.elapsed() < Duration::from_secs(10), "told soon: {:?}", start.elapsed());
    assert!(!sending.is_finished());
    proxy.come_back();
    assert_eq!(status(&sending.await.unwrap()), "DONE");
    assert!(is_ready(&app).await);
    assert_eq!(status(&send(&mia, "another").await), "DONE");
    assert_eq!(app.balance(&mia).await, (3800, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_hangs_holds_up_nobody_for_long_and_nothing_is_done_twice() {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.hang();
    permits.add_permits(1);
    let start = Instant::now();
    assert_away_everywhere(&mia).await;
    assert!(!is_ready(&app).await);
    assert!(start.elapsed() < Duration::from_secs(10), "told soon: {:?}", start.elapsed());
    assert!(!sending.is_finished());
    proxy.come_back();
    assert_eq!(status(&sending.await.unwrap()), "DONE");
    until("it is ready again", async || is_ready(&app).await).await;
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_that_is_not_there_is_told_at_start_with_the_reason() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = installation.command(&["verify"]);
    command.env("JETON_DATABASE__URL", format!("postgres://me:secret@127.0.0.1:{port}/jeton"));
    let start = Instant::now();
    let output = command.env("JETON_DATABASE__ACQUIRE_TIMEOUT", "1s").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && start.elapsed() < Duration::from_secs(10), "{told}");
    assert!(told.contains("cannot open postgres://(hidden)@127.0.0.1"), "{told}");
    assert!(told.contains("refused") && !told.contains("secret"), "{told}");
}
