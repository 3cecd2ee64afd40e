//! Stops and disconnects, before the usage arrives.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rstest_reuse::apply;
use serde_json::json;

use super::{DELETE, STOP_MESSAGE, start, until, usage};
use crate::openai_api::{DONE, Does, STOP, app_with, asking, chats, piece, upstream};
use crate::support::{On, on_both_databases};

/// Most of the cost of this reply is hidden reasoning before the first word.
fn hidden_reasoning() -> Does {
    Does::Stream(
        Duration::from_millis(150),
        vec![piece("One"), piece(" two"), STOP.into(), usage(5, 1000), DONE.into()],
    )
}

#[apply(on_both_databases)]
async fn a_stop_waits_for_the_usage_of_the_upstream(on: On, #[values(STOP_MESSAGE, DELETE)] mutation: &str) {
    let (url, _) = upstream(hidden_reasoning()).await;
    let app = app_with(on, "turns.save_interval = '5ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let id = start(&mia, "by_unit", "One").await;
    let ended = mia.data(mutation, json!({ "id": id })).await["it"].take();
    assert_eq!(ended["errors"], json!([]));
    assert_eq!(app.ledger(&mia).await[1], ("ChatStopped".to_owned(), -1005));
    if mutation == STOP_MESSAGE {
        let chat = &chats(&mia).await[0];
        assert_eq!(chat["usage"], json!({ "input": 5, "output": 1000, "estimated": false }));
        assert_eq!(chat["response"], "One", "what came after the stop is not shown");
    }
    // At a flat price no usage is awaited.
    let (url, _) = upstream(Does::Hang(vec![piece("One")])).await;
    let app = app_with(on, "turns.save_interval = '5ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let id = start(&mia, "upstream", "One").await;
    mia.data(mutation, json!({ "id": id })).await;
    assert_eq!(app.ledger(&mia).await[1], ("ChatStopped".to_owned(), -100));
}

/// The upstream bills the input, whatever output it has sent.
#[apply(on_both_databases)]
#[case::after_a_word(vec![piece("One")], "One", 1)]
#[case::before_the_first_word(vec![": accepted\n\n".to_owned()], "", 0)]
#[case::after_a_usage(vec![piece("One"), usage(7, 500)], "One", 500)]
async fn a_stop_without_a_usage_pays_for_the_input(
    on: On,
    #[case] events: Vec<String>,
    #[case] text: &str,
    #[case] output: i64,
) {
    let (url, heard) = upstream(Does::Hang(events)).await;
    let app = app_with(on, "turns.save_interval = '5ms'\nv1.usage_wait_timeout = '200ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let id = start(&mia, "by_unit", text).await;
    until(|| async { heard.calls.load(Ordering::SeqCst) == 1 }).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    mia.data(STOP_MESSAGE, json!({ "id": id })).await;
    let chat = &chats(&mia).await[0];
    let bound = chat["hold"].as_i64().unwrap() - 1024;
    let input = if output == 500 { 7 } else { bound };
    assert_eq!((&chat["status"], &chat["response"]), (&json!("STOPPED"), &json!(text)));
    assert_eq!(chat["usage"], json!({ "input": input, "output": output, "estimated": output != 500 }));
    assert_eq!(chat["cost"], input + output);
}

/// As with a stop: the upstream bills the input, and possibly hidden reasoning, of a call that fails midway.
#[apply(on_both_databases)]
async fn an_answer_that_breaks_off_costs_the_last_usage_or_its_input(on: On) {
    for (events, input, output) in [(vec![piece("One"), usage(7, 500)], Some(7), 500), (vec![piece("One")], None, 1)] {
        let (url, _) = upstream(Does::Stream(Duration::ZERO, events)).await;
        let app = app_with(on, "", &[&url]).await;
        let mia = app.user("mia").await;
        mia.post("/v1/chat/completions", asking("by_unit", true)).await;
        mia.say("by_unit", "Hello").await;
        for chat in chats(&mia).await {
            let bound = chat["hold"].as_i64().unwrap() - 1024;
            assert_eq!((&chat["status"], &chat["usage"]["output"]), (&json!("FAILED"), &json!(output)));
            assert_eq!(chat["cost"], input.unwrap_or(bound) + output);
        }
    }
}

#[apply(on_both_databases)]
async fn a_caller_who_leaves_a_whole_answer_pays_for_it(
    on: On,
    #[values("by_unit", "upstream")] model: &str,
    #[values(true, false)] arrives: bool,
) {
    let answer = json!({ "choices": [{ "index": 0, "message": { "content": "One" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 1000 } });
    let pause = if arrives { Duration::from_millis(300) } else { Duration::from_secs(60) };
    let (url, heard) = upstream(Does::Stream(pause, vec![answer.to_string()])).await;
    let drain = if arrives { "20s" } else { "200ms" };
    let app = app_with(on, &format!("v1.usage_wait_timeout = '{drain}'"), &[&url]).await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    let call = reqwest::Client::new().post(format!("http://{address}/v1/chat/completions"));
    let call = call.bearer_auth(mia.access.as_ref().unwrap()).json(&asking(model, false)).send();
    let left = async {
        until(|| async { heard.calls.load(Ordering::SeqCst) == 1 }).await;
    };
    tokio::select! {
        _ = call => panic!("the answer takes longer"),
        () = left => {}
    }
    app.settled().await;
    let chat = &chats(&mia).await[0];
    let bound = chat["hold"].as_i64().unwrap() - 1024;
    let cost = match (model, arrives) {
        ("upstream", _) => 100,
        (_, true) => 1005,
        (_, false) => bound,
    };
    assert_eq!((&chat["status"], &chat["cost"]), (&json!(if arrives { "DONE" } else { "STOPPED" }), &json!(cost)));
}
