//! Output that an upstream reports in unusual ways, or not at all.

use std::time::Duration;

use futures::StreamExt;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::usage;
use crate::openai_api::{DONE, Does, STOP, app_with, asking, chats, piece, upstream};
use crate::support::{On, on_both_databases};

/// All output of an upstream counts, in any field and in any kind of response.
#[apply(on_both_databases)]
#[case::a_custom_tool(vec![delta(json!({ "tool_calls": [{ "type": "custom", "custom": { "input": "THE ANSWER" } }] }))])]
#[case::parts(vec![delta(json!({ "content": [{ "type": "text", "text": "THE ANSWER" }] }))])]
#[case::audio(vec![delta(json!({ "audio": { "transcript": "THE ANSWER" } }))])]
#[case::reasoning(vec![delta(json!({ "reasoning_details": [{ "text": "THE ANSWER" }] }))])]
#[case::an_odd_usage(vec!["data: {\"choices\":[{\"delta\":{\"content\":\"THE ANSWER\"}}],\"usage\":{\"prompt_tokens\":null}}\n\n".to_owned()])]
#[case::no_json(vec![piece("I") + "data: THE ANSWER\n\n"])]
#[case::no_data(vec![piece("I") + "{\"text\": \"THE ANSWER\"}\n\n"])]
async fn everything_that_an_upstream_writes_is_paid_for(
    on: On,
    #[case] events: Vec<String>,
    #[values("upstream", "by_unit")] model: &str,
) {
    let (url, _) = upstream(Does::Hang(events)).await;
    let app = app_with(on, "v1.usage_wait_timeout = '50ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let call = crate::openai_api::chat_call_of(model, "Hello");
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    // All of them, which were received at once.
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(200), called.events.next()).await {}
    drop(called);
    app.settled().await;
    let chat = &chats(&mia).await[0];
    assert_eq!(chat["status"], "STOPPED");
    let bound = chat["hold"].as_i64().unwrap() - 1024;
    let cost = chat["cost"].as_i64().unwrap();
    assert!(if model == "upstream" { cost == 100 } else { cost >= bound + 2 }, "{cost} of {bound}");
}

fn delta(delta: Value) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }))
}

#[apply(on_both_databases)]
async fn a_whole_answer_to_a_stream_is_paid_for(on: On) {
    let answer = json!({ "choices": [{ "index": 0, "message": { "content": "One" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 1000 } });
    let (url, _) = upstream(Does::Json(answer.to_string())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    for (model, cost) in [("upstream", 100), ("by_unit", 1005)] {
        mia.post("/v1/chat/completions", asking(model, true)).await;
        let chat = &chats(&mia).await[0];
        assert_eq!((&chat["status"], &chat["cost"]), (&json!("DONE"), &json!(cost)), "{chat}");
    }
}

/// A usage without output counts as missing: it is estimated, and marked.
#[apply(on_both_databases)]
#[case::empty(json!({}), None)]
#[case::zeros(json!({ "prompt_tokens": 0, "completion_tokens": 0 }), None)]
#[case::half(json!({ "prompt_tokens": 7 }), None)]
#[case::other_names(json!({ "input_tokens": 50, "output_tokens": 80 }), Some(130))]
#[case::floats(json!({ "prompt_tokens": 7.0, "completion_tokens": 3.5 }), Some(11))]
#[case::texts(json!({ "prompt_tokens": "7", "completion_tokens": "3" }), Some(10))]
async fn unknown_is_not_zero(
    on: On,
    #[case] usage: Value,
    #[case] cost: Option<i64>,
    #[values(true, false)] stream: bool,
) {
    let event = format!("data: {}\n\n", json!({ "choices": [], "usage": usage }));
    let choice = json!({ "index": 0, "message": { "content": "tiktoken is great!" }, "finish_reason": "stop" });
    let does = match stream {
        true => Does::Stream(Duration::ZERO, vec![piece("tiktoken is great!"), STOP.into(), event, DONE.into()]),
        false => Does::Say(200, json!({ "choices": [choice], "usage": usage }).to_string()),
    };
    let (url, _) = upstream(does).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    assert_eq!(mia.post("/v1/chat/completions", asking("by_unit", stream)).await.status, 200);
    let chat = &chats(&mia).await[0];
    assert_eq!(chat["status"], "DONE");
    match cost {
        Some(cost) => assert_eq!((&chat["cost"], &chat["usage"]["estimated"]), (&json!(cost), &json!(false))),
        None => {
            assert_eq!((&chat["usage"]["output"], &chat["usage"]["estimated"]), (&json!(6), &json!(true)));
            assert!(chat["cost"].as_i64().unwrap() > 6, "{chat}");
        }
    }
}

/// An upstream bills a call from its status on, however late its first byte is.
#[apply(on_both_databases)]
async fn what_was_accepted_is_paid_for_before_the_first_byte(on: On) {
    let (url, _) = upstream(Does::Hang(vec![])).await;
    let app = app_with(on, "v1.usage_wait_timeout = '50ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let call = crate::openai_api::chat_call_of("by_unit", "Hello");
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    tokio::select! {
        _ = called.events.next() => panic!("there is no byte"),
        () = tokio::time::sleep(Duration::from_millis(500)) => {}
    }
    drop(called);
    app.settled().await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["status"], &chat["cost"]), (&json!("STOPPED"), &json!(chat["hold"].as_i64().unwrap() - 1024)));
}

#[apply(on_both_databases)]
async fn operators_see_a_usage_that_exceeds_its_hold(on: On) {
    let events = vec![piece("One"), STOP.into(), usage(5, 5000), DONE.into()];
    let (url, _) = upstream(Does::Stream(Duration::ZERO, events)).await;
    let app = app_with(on, "", &[&url]).await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    let mut body = asking("by_unit", true);
    body["max_tokens"] = json!(10);
    mia.post("/v1/chat/completions", body).await;
    let chat = &chats(&mia).await[0];
    assert_eq!(chat["cost"], chat["hold"], "no chat costs more than its hold");
    let trail = "{ auditTrail(first: 1) { nodes { action targetId targetName actorName details } } }";
    let event = staff.data(trail, json!({})).await["auditTrail"]["nodes"][0].take();
    assert_eq!((&event["action"], &event["actorName"]), (&json!("chat.usage_over_hold"), &json!("(server)")));
    assert_eq!((&event["targetId"], &event["targetName"]), (&chat["id"], &json!("mia")));
    let details: Value = serde_json::from_str(event["details"].as_str().unwrap()).unwrap();
    assert_eq!((&details["cost"], &details["output"]), (&json!(5005), &json!(5000)));
    let page = app.app.metrics.page(&[]).unwrap();
    assert!(page.contains("jeton_usage_over_hold_total{model=\"by_unit\"} 1\n"), "{page}");
}
