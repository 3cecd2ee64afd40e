//! Models that Jeton answers itself, in the shape of OpenAI's API.

use std::sync::Arc;
use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{asking, chats, parts, post_raw};
use crate::api_keys::with_key;
use crate::support::{On, Step, TestApp, on_both_databases};

/// Returns a usage without cached input and without reasoning, as OpenAI has it.
fn usage(input: u64, output: u64) -> Value {
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": 0 }, "completion_tokens_details": { "reasoning_tokens": 0 } })
}

#[apply(on_both_databases)]
async fn models_of_this_house_answer_in_openais_shape(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let (program, _) = with_key(&mia, json!({ "name": "k" })).await;
    let whole = program.post("/v1/chat/completions", asking("echo", false)).await;
    let body = whole.json();
    assert_eq!(whole.status, 200);
    assert_eq!(body["choices"][0]["message"]["content"], "AI Response to: Hi");
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("echo")));
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"], usage(2, 18));
    let header = |name: &str| whole.headers[name].to_str().unwrap().to_owned();
    assert_eq!((header("x-jeton-cost"), header("x-jeton-tokens-remaining")), ("100".to_owned(), "3900".to_owned()));
    assert_eq!(body["id"], format!("chatcmpl-{}", header("x-jeton-chat-id")));
    assert!(!header("x-request-id").is_empty());

    app.model.play([Step::Say("one "), Step::Say("two"), Step::End(Some(jeton::infra::ai::Usage::of(3, 2)))]);
    let mut body = asking("scripted", true);
    body["stream_options"] = json!({ "include_usage": true });
    let streamed = program.post("/v1/chat/completions", body).await;
    assert_eq!(streamed.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(streamed.headers["x-jeton-hold"], "100");
    let (events, done) = parts(&streamed.text);
    let text: String = events.iter().filter_map(|part| part["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), done), ("one two", true));
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events.last().unwrap()["usage"], usage(3, 2));
    assert_eq!(events.last().unwrap()["choices"], json!([]));

    // The messages are not stored, the cost is.
    for chat in chats(&mia).await {
        assert_eq!((&chat["message"], &chat["response"], &chat["cost"]), (&json!(""), &json!(""), &json!(100)));
        assert_eq!((&chat["status"], &chat["usage"]["estimated"]), (&json!("DONE"), &json!(false)));
    }
    assert_eq!(app.balance(&mia).await, (3800, 0));
    // If configured, they are in the history.
    let storing = TestApp::with(on, "v1.store_api_messages = true").await;
    let mia = storing.user("mia").await;
    mia.post("/v1/chat/completions", asking("echo", false)).await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["message"], &chat["response"]), (&json!("Hi"), &json!("AI Response to: Hi")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_these_models_do_not_know_is_refused_by_name() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let with = |name: &str, value: Value| {
        let mut body = asking("echo", false);
        body[name] = value;
        body
    };
    let image = json!([{ "role": "user", "content": [{ "type": "text", "text": "x" }, { "type": "image_url" }] }]);
    for (body, param) in [
        (with("tools", json!([{ "type": "function" }])), "tools"),
        (with("response_format", json!({ "type": "json_object" })), "response_format"),
        (with("logprobs", json!(true)), "logprobs"),
        (with("frequency_penalty", json!(0.5)), "frequency_penalty"),
        (with("a_field_of_the_future", json!(1)), "a_field_of_the_future"),
        (with("n", json!(2)), "n"),
        (with("n", json!(0)), "n"),
        (with("temperature", json!(2.5)), "temperature"),
        (with("temperature", json!("hot")), "temperature"),
        (with("stop", json!(["a", "b", "c", "d", "e"])), "stop"),
        (with("stop", json!([1])), "stop"),
        (with("max_tokens", json!(0)), "max_tokens"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("stream", json!("yes")), "stream"),
        (with("stream_options", json!({})), "stream_options"),
        (with("model", json!(7)), "model"),
        (with("messages", json!([])), "messages"),
        (with("messages", json!("Hi")), "messages"),
        (with("messages", json!([{ "role": "wizard", "content": "x" }])), "messages[0].role"),
        (with("messages", json!([{ "role": "user" }])), "messages[0].content"),
        (with("messages", image), "messages[0].content[1]"),
        (with("messages", json!([{ "role": "tool", "content": "x" }])), "messages[0].role"),
    ] {
        let refused = mia.post("/v1/chat/completions", body.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!(param)), "{body}");
    }
    for body in ["", "[]", "{\"model\":", "{\"model\":\"echo\",\"model\":\"scripted\",\"messages\":[]}", "\u{feff}{}"] {
        let refused = post_raw(&mia, body, &[]).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    }
    let mut accepted = with("stop", json!("to"));
    for (name, value) in [
        ("temperature", json!(0)),
        ("top_p", json!(1)),
        ("seed", json!(-7)),
        ("user", json!("u")),
        ("frequency_penalty", json!(0)),
        ("tools", json!([])),
        ("logprobs", Value::Null),
        ("max_tokens", json!(500)),
    ] {
        accepted[name] = value;
    }
    let answered = mia.post("/v1/chat/completions", accepted).await.json();
    assert_eq!(answered["choices"][0]["message"]["content"], "AI Response ");
    let cut = mia.post("/v1/chat/completions", with("max_completion_tokens", json!(3))).await.json();
    assert_eq!(
        (&cut["choices"][0]["message"]["content"], &cut["choices"][0]["finish_reason"]),
        (&json!("AI "), &json!("length"))
    );
    // As long as the limit, and whole.
    let whole = mia.post("/v1/chat/completions", asking("echo", false)).await.json();
    let exact = whole["usage"]["completion_tokens"].clone();
    let limited = mia.post("/v1/chat/completions", with("max_completion_tokens", exact)).await.json();
    assert_eq!(limited["choices"], whole["choices"]);
    assert_eq!(limited["choices"][0]["finish_reason"], "stop");
    assert_eq!(app.balance(&mia).await, (3600, 0), "what is refused costs nothing");
}

#[apply(on_both_databases)]
async fn a_model_answers_so_many_at_once(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let permits = Arc::new(Semaphore::new(0));
    for _ in 0..2 {
        app.model.play([Step::Wait(permits.clone()), Step::Say("x"), Step::End(None)]);
    }
    let first = mia.post("/v1/chat/completions", asking("narrow", false));
    let second = mia.post("/v1/chat/completions", asking("narrow", true));
    let third = async {
        while app.model.heard().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = mia.post("/v1/chat/completions", asking("narrow", false)).await;
        permits.add_permits(2);
        refused
    };
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!((first.status.as_u16(), second.status.as_u16(), third.status.as_u16()), (200, 200, 429));
    assert_eq!(third.json()["error"]["code"], "rate_limit_exceeded");
}
