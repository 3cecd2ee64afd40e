//! Limits that a client reaches on purpose.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::api_keys::with_key;
use crate::openai_api::{DONE, Does, STOP, app_with, asking, chats, piece, post_raw, upstream};
use crate::support::{On, TestApp, on_both_databases};

/// Local limits that a client can exceed on purpose: the output delivered until then is charged, also at a flat price.
#[apply(on_both_databases)]
async fn who_reaches_a_limit_on_purpose_pays(on: On) {
    // Bytes that are passed through and not stored do not count against the limit.
    let padding = format!(": {}\n\n", "x".repeat(100 << 10));
    let mut events = vec![piece("One")];
    events.extend(vec![padding; 400]);
    events.extend([STOP.to_owned(), DONE.to_owned()]);
    let (status, _, cost) = streamed(on, "", Does::Stream(Duration::ZERO, events)).await;
    assert_eq!((status.as_str(), cost), ("DONE", 100));

    // Text that is stored.
    let long = vec![piece(&"word ".repeat(20_000)); 350];
    let (status, error, cost) = streamed(on, "", Does::Stream(Duration::ZERO, long)).await;
    assert_eq!((status.as_str(), cost), ("STOPPED", 100));
    assert_eq!(error["code"], "answer_limit", "{error}");

    // The timeout of a turn.
    let slow = Does::Stream(Duration::from_millis(100), vec![piece("One"); 1000]);
    let (status, error, cost) = streamed(on, "turns.turn_timeout = '1s'", slow).await;
    assert_eq!((status.as_str(), cost, &error["code"]), ("STOPPED", 100, &json!("answer_limit")));
}

/// Returns the status, the error at the end of the stream, and the cost of a call at a flat price.
async fn streamed(on: On, toml: &str, does: Does) -> (String, Value, i64) {
    let (url, _) = upstream(does).await;
    let app = app_with(on, toml, &[&url]).await;
    let mia = app.user("mia").await;
    let received = mia.post("/v1/chat/completions", asking("upstream", true)).await;
    let last = received.text.rsplit("\n\n").find(|event| event.starts_with("data: {")).unwrap();
    let error = serde_json::from_str::<Value>(last.strip_prefix("data: ").unwrap()).unwrap()["error"].take();
    let chat = &chats(&mia).await[0];
    (chat["status"].as_str().unwrap().to_owned(), error, chat["cost"].as_i64().unwrap())
}

#[apply(on_both_databases)]
async fn a_whole_answer_that_is_too_long_is_paid_for_and_bought_once(on: On) {
    let answer =
        json!({ "choices": [{ "message": { "content": "word ".repeat(7_000_000) }, "finish_reason": "stop" }] });
    let (url, heard) = upstream(Does::Say(200, answer.to_string())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    for model in ["upstream", "by_unit"] {
        let refused = mia.post("/v1/chat/completions", asking(model, false)).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (502, &json!("answer_limit")));
        assert_eq!(refused.headers["x-should-retry"], "false");
        let chat = &chats(&mia).await[0];
        assert_eq!((&chat["status"], &chat["cost"]), (&json!("STOPPED"), &chat["hold"]));
    }
    assert_eq!(heard.calls.load(Ordering::SeqCst), 2);
}

/// An upstream that aborts because the client reads too slowly is not a failure of the upstream: the client pays.
#[apply(on_both_databases)]
async fn who_reads_slowly_until_the_upstream_gives_up_pays(on: On) {
    let (url, _) = upstream(Does::Stream(Duration::ZERO, vec![piece("word"); 60])).await;
    let app = app_with(on, "turns.chunk_timeout = '300ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let call = crate::openai_api::chat_call_of("upstream", "Hello");
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    while called.events.next().await.is_some() {
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let ended = called.end.await.unwrap();
    assert_eq!((format!("{:?}", ended.chat.status), ended.chat.cost.0), ("Stopped".to_owned(), 100));
}

/// The same if the upstream aborts before the client's own timeout (the chunk timeout).
#[apply(on_both_databases)]
async fn who_stops_reading_until_the_upstream_gives_up_pays(on: On) {
    let (url, _) = upstream(Does::Stream(Duration::ZERO, vec![piece("word"); 60])).await;
    let app = app_with(on, "turns.lease = '3s'", &[&url]).await;
    let mia = app.user("mia").await;
    let call = crate::openai_api::chat_call_of("upstream", "Hello");
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    for _ in 0..2 {
        called.events.next().await.unwrap();
    }
    // Longer than the time after which a client counts as disconnected: a third of the lease.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    while called.events.next().await.is_some() {}
    app.settled().await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["status"], &chat["cost"]), (&json!("STOPPED"), &json!(100)));
}

/// A clock that lags does not return to the previous day: around midnight two servers spend the daily limit at most
/// twice.
#[apply(on_both_databases)]
async fn a_day_that_is_over_does_not_come_back(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let limit = json!({ "perDay": 200, "perMonth": 400 });
    let (key, _) = with_key(&mia, json!({ "name": "k", "spendingLimit": limit })).await;
    let body = asking("echo", false).to_string();
    let minute = Duration::from_secs(60);
    // The last half minute of March; the fixture starts at noon of the first.
    app.clock.advance(Duration::from_secs(31 * 86_400 - 43_200 - 30));
    let mut answered = 0;
    for step in 0..10 {
        for _ in 0..3 {
            answered += i64::from(post_raw(&key, &body, &[]).await.status == 200);
        }
        if step % 2 == 0 { app.clock.advance(minute) } else { app.clock.rewind(minute) }
    }
    assert_eq!(answered, 4, "two on each day");
}
