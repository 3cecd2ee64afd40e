//! Calls that are passed through to upstreams, byte for byte.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{DONE, Does, STOP, app_with, asking, chats, piece, post_raw, upstream};
use crate::support::{On, on_both_databases};

#[apply(on_both_databases)]
async fn an_upstream_gets_the_call_byte_for_byte_and_so_does_the_caller(on: On) {
    let answer = "{ \"id\":\"x\", \"model\" : \"gpt-test-2026\",\"choices\":[{\"index\":0,\"message\":{\"content\":null,\
        \"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}],\
        \"usage\":{\"prompt_tokens\":11,\"completion_tokens\":22},\"unknown\":1.0e+3}\n";
    let (url, heard) = upstream(Does::Say(200, answer.to_owned())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let body = "{\n \"model\" : \"by_unit\" , \"messages\":[{\"role\":\"user\",\"content\":\"\\u00fc \\/ x\",\"new\":[ ]}],\
        \"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}], \"temperature\":1.0, \"future\":{\"a\":1e2}, \
        \"max_completion_tokens\" : 50, \"n\":2}";
    let response = post_raw(&mia, body, &[]).await;
    assert_eq!((response.status.as_u16(), response.text.as_str()), (200, answer));
    assert_eq!(response.headers["x-jeton-cost"], "33");
    let (headers, sent) = heard.bodies.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    let expected = body.replace("\"by_unit\"", "\"gpt-test\"");
    assert_eq!(sent, expected);
    let chat = &chats(&mia).await[0];
    // The hold is for the bytes of the call and two replies of fifty model tokens.
    assert_eq!(chat["hold"], body.len() + 100);
    assert_eq!(
        (&chat["cost"], &chat["usage"]),
        (&json!(33), &json!({ "input": 11, "output": 22, "estimated": false }))
    );

    // The output limit is reduced to the balance, and set if there is none.
    let balance = app.balance(&mia).await.0;
    let long = format!("{{\"model\":\"by_unit\",\"messages\":[{{\"content\":\"{}\"}}]}}", "x".repeat(3700));
    post_raw(&mia, &long, &[]).await;
    let affordable = balance - long.len() as i64;
    let (_, sent) = heard.bodies.lock().unwrap()[1].clone();
    assert_eq!(
        sent,
        long.replace("{\"model\":\"by_unit\"", &format!("{{\"max_tokens\":{affordable},\"model\":\"gpt-test\""))
    );
}

#[apply(on_both_databases)]
async fn streams_are_passed_on_as_they_come(on: On) {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6}}\n\n".to_owned();
    let odd = "event: x\r\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ü\",\"z\":1}}]}\r\n\r\n".to_owned();
    let events = vec![
        ": hello\n\n".to_owned(),
        odd,
        piece("b"),
        "data: no json\n\n".to_owned(),
        STOP.to_owned(),
        usage,
        DONE.to_owned(),
    ];
    let (url, heard) = upstream(Does::Stream(Duration::from_millis(1), events.clone())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let response = mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let without_usage: String = events.iter().filter(|event| !event.contains("usage")).cloned().collect();
    assert_eq!(response.text, without_usage, "what was asked on our own behalf is taken out again");
    let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap()[0].1).unwrap();
    assert_eq!(sent["stream_options"], json!({ "include_usage": true }));
    let mut body = asking("by_unit", true);
    body["stream_options"] = json!({ "include_usage": true });
    assert_eq!(mia.post("/v1/chat/completions", body).await.text, events.concat());
    for chat in chats(&mia).await {
        assert_eq!((&chat["cost"], &chat["usage"]["output"]), (&json!(10), &json!(6)));
    }
    // Without usage it is estimated, and marked.
    let (url, _) =
        upstream(Does::Stream(Duration::ZERO, vec![piece("tiktoken is great!"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["usage"]["output"], &chat["usage"]["estimated"]), (&json!(6), &json!(true)));
}

#[apply(on_both_databases)]
async fn the_next_upstream_answers_and_one_that_fails_rests(on: On) {
    let answer = json!({ "choices": [{ "index": 0, "message": { "content": "ok" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    let (bad, heard_bad) = upstream(Does::Say(500, String::new())).await;
    let (good, heard_good) = upstream(Does::Say(200, answer.to_string())).await;
    let dead = "http://127.0.0.1:9/v1";
    let app = app_with(on, "", &[dead, &bad, &good]).await;
    let mia = app.user("mia").await;
    for _ in 0..10 {
        assert_eq!(mia.post("/v1/chat/completions", asking("by_unit", false)).await.json(), answer);
    }
    assert_eq!(heard_bad.calls.load(Ordering::SeqCst), 5, "then it rests");
    assert_eq!(heard_good.calls.load(Ordering::SeqCst), 10);
    // An invalid request is no failure of the upstream, and another one would reject it, too.
    let (strict, heard) = upstream(Does::Say(400, String::new())).await;
    let app = app_with(on, "", &[&strict, &good]).await;
    let mia = app.user("mia").await;
    for _ in 0..7 {
        assert_eq!(mia.post("/v1/chat/completions", asking("by_unit", false)).await.status, 400);
    }
    assert_eq!(heard.calls.load(Ordering::SeqCst), 7);
}
