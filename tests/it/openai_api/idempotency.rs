//! Idempotency keys.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use rstest_reuse::apply;

use super::{DONE, Does, STOP, app_with, asking, piece, post_raw, upstream};
use crate::support::{On, Step, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn one_key_is_one_call_however_often(on: On) {
    let (url, heard) = upstream(Does::Stream(
        Duration::from_millis(20),
        vec![piece("a"), piece("b"), STOP.to_owned(), DONE.to_owned()],
    ))
    .await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let body = asking("upstream", true).to_string();
    let key = [("idempotency-key", "k-1")];
    let answers = join_all((0..20).map(|_| post_raw(&mia, &body, &key))).await;
    let expected: String = [piece("a"), piece("b"), STOP.to_owned(), DONE.to_owned()].concat();
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (200, &expected));
    }
    assert_eq!(post_raw(&mia, &body, &key).await.text, expected, "later too");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 1);
    assert_eq!(app.balance(&mia).await, (3900, 0));
    let other = post_raw(&mia, &body.replace("Hi", "Ho"), &key).await;
    assert_eq!((other.status.as_u16(), &other.headers["x-should-retry"]), (409, &"false".parse().unwrap()));
    // A free failure releases its idempotency key.
    app.model.play([Step::Fail]);
    let (failing, key3) = (asking("scripted", false).to_string(), [("idempotency-key", "k-3")]);
    assert_eq!(post_raw(&mia, &failing, &key3).await.status, 503);
    for _ in 0..2 {
        assert_eq!(post_raw(&mia, &failing, &key3).await.status, 200);
    }
    assert_eq!(app.balance(&mia).await, (3800, 0));
    // Without the cached response, as on another server or later, a retry is a CONFLICT and free.
    app.app.replay_cache.invalidate_all();
    let gone = post_raw(&mia, &body, &key).await;
    assert_eq!(gone.status, 409);
    assert_eq!(app.balance(&mia).await, (3800, 0));

    // A client that disconnects receives the response on a retry.
    let key = [("idempotency-key", "k-2")];
    let leaving = tokio::time::timeout(Duration::from_millis(30), post_raw(&mia, &body, &key)).await;
    assert!(leaving.is_err(), "the answer takes longer");
    assert_eq!(post_raw(&mia, &body, &key).await.text, expected);
    assert_eq!((heard.calls.load(Ordering::SeqCst), app.balance(&mia).await), (2, (3700, 0)));
}

#[apply(on_both_databases)]
async fn an_answer_that_is_stored_can_be_had_again_for_ever(on: On) {
    let app = TestApp::with(on, "v1.store_api_messages = true").await;
    let mia = app.user("mia").await;
    let (body, key) = (asking("echo", false).to_string(), [("idempotency-key", "k")]);
    let first = post_raw(&mia, &body, &key).await.json();
    app.app.replay_cache.invalidate_all();
    assert_eq!(post_raw(&mia, &body, &key).await.json(), first);
    assert_eq!(app.balance(&mia).await, (3900, 0));
}
