//! The replay cache: responses that are kept for retries with the same idempotency key.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use rstest_reuse::apply;

use super::posting;
use crate::faults::until;
use crate::openai_api::{DONE, Does, STOP, asking, piece, post_raw, upstream};
use crate::support::client::Answer;
use crate::support::{Client, On, TestApp, on_both_databases, openai};

fn long_stream(parts: usize) -> Vec<String> {
    let part = piece(&"word ".repeat(200));
    std::iter::repeat_n(part, parts).chain([STOP.to_owned(), DONE.to_owned()]).collect()
}

async fn same_key(client: &Client, body: &str) -> Answer {
    post_raw(client, body, &[("idempotency-key", "k")]).await
}

#[apply(on_both_databases)]
async fn an_answer_too_large_to_keep_is_heard_whole_and_charged_once(on: On) {
    let events = long_stream(60);
    // Slow enough that the second call finds the first 16 chunks, which fit, also on a busy machine.
    let (url, heard) = upstream(Does::Stream(Duration::from_millis(30), events.clone())).await;
    let settings = "v1.max_replay_bytes = 100_000\nv1.max_replay_bytes_per_user = 20_000";
    let app = TestApp::with_provider(on, settings, Arc::new(openai(&[&url], 0))).await;
    let mia = app.user("mia").await;
    let body = asking("upstream", true).to_string();
    // Two concurrent calls with one idempotency key: one upstream call, and both receive the whole response.
    let (first, second) = tokio::join!(same_key(&mia, &body), same_key(&mia, &body));
    assert_eq!((first.status.as_u16(), &first.text), (200, &events.concat()));
    assert_eq!((second.status.as_u16(), &second.text), (200, &events.concat()));
    // Later it is evicted, and a retry does not start another call.
    let later = same_key(&mia, &body).await;
    assert_eq!((later.status.as_u16(), &later.headers["x-should-retry"]), (409, &"false".parse().unwrap()));
    assert!(later.text.contains("is no longer available"), "{}", later.text);
    assert_eq!(heard.calls.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(app.balance(&mia).await, (3900, 0));
    // The recording of the last call goes with its task, which may end after its response.
    until("the cache is empty", async || app.app.replay_cache.bytes() == 0).await;
    // A shorter one of the same user is cached as usual.
    let short = post_raw(&mia, &asking("echo", true).to_string(), &[("idempotency-key", "short")]).await;
    assert_eq!(
        post_raw(&mia, &asking("echo", true).to_string(), &[("idempotency-key", "short")]).await.text,
        short.text
    );
    assert_eq!(app.balance(&mia).await, (3800, 0));
    let bytes = app.app.replay_cache.bytes();
    assert!((500..5000).contains(&bytes), "{bytes}");
}

#[apply(on_both_databases)]
async fn open_answers_weigh_and_a_caller_that_left_loses_nothing_but_the_answer(on: On) {
    let (url, _) = upstream(Does::Stream(Duration::from_millis(1), long_stream(60))).await;
    let settings = "v1.max_replay_bytes = 100_000\nv1.max_replay_bytes_per_user = 20_000";
    let app = TestApp::with_provider(on, settings, Arc::new(openai(&[&url], 0))).await;
    let mia = app.user("mia").await;
    let body = asking("upstream", true).to_string();
    // They disconnect after the first chunk.
    let calls = (0..35).map(|number| {
        let request = posting(&mia).header("idempotency-key", format!("k-{number}"));
        let answer = tower::ServiceExt::oneshot(app.router.clone(), request.body(Body::from(body.clone())).unwrap());
        async move { answer.await.unwrap().into_body().frame().await.unwrap().unwrap() }
    });
    let watched = async {
        let mut most = 0;
        loop {
            most = most.max(app.app.replay_cache.bytes());
            assert!(most <= 20_000, "{most} bytes are kept for one user");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = futures::future::join_all(calls) => {}
        () = watched => {}
    }
    app.settled().await;
    assert!(app.app.replay_cache.bytes() <= 20_000);
    assert_eq!(app.balance(&mia).await, (500, 0), "each is charged once");
}
