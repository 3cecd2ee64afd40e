//! Attempts at free replies, each of which fails: stopping before the usage arrives, limits that the client exceeds on
//! purpose, several choices for the price of one, other names of the output limit, idempotency keys of other callers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use jeton::infra::ai::openai::Params;
use rstest::rstest;
use serde_json::{Value, json};

use crate::api_keys::with_key;
use crate::openai_api::{DONE, Does, STOP, app_with, asking, chats, piece, post_raw, upstream};
use crate::support::{Client, On, Step, TestApp, openai_with};

const START: &str =
    "mutation($input: StartMessageInput!) { startMessage(input: $input) { chat { id } errors { code } } }";
const STOP_MESSAGE: &str =
    "mutation($id: ID!) { it: stopMessage(input: {chatId: $id}) { chat { status } errors { code } } }";
const DELETE: &str = "mutation($id: ID!) { it: deleteChat(input: {chatId: $id}) { errors { code } } }";

fn usage(input: u64, output: u64) -> String {
    format!("data: {}\n\n", json!({ "choices": [], "usage": { "prompt_tokens": input, "completion_tokens": output } }))
}

/// Sends a message in the background. Returns its id once the first chunk of the reply was received.
async fn start(client: &Client, model: &str, begins_with: &str) -> Value {
    let started = client.data(START, json!({ "input": { "message": "Hello", "model": model } })).await;
    let id = started["startMessage"]["chat"]["id"].clone();
    until(|| async { chats(client).await[0]["response"].as_str().unwrap().starts_with(begins_with) }).await;
    id
}

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.expect("the condition comes true");
}

/// Most of the cost of this reply is hidden reasoning before the first word.
fn hidden_reasoning() -> Does {
    Does::Stream(
        Duration::from_millis(150),
        vec![piece("One"), piece(" two"), STOP.into(), usage(5, 1000), DONE.into()],
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_usage_of_the_upstream(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[values(STOP_MESSAGE, DELETE)] mutation: &str,
) {
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
#[rstest]
#[case::after_a_word(vec![piece("One")], "One", 1)]
#[case::before_the_first_word(vec![": accepted\n\n".to_owned()], "", 0)]
#[case::after_a_usage(vec![piece("One"), usage(7, 500)], "One", 500)]
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_without_a_usage_pays_for_the_input(
    #[values(On::Sqlite, On::Postgres)] on: On,
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
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_costs_the_last_usage_or_its_input(#[values(On::Sqlite, On::Postgres)] on: On) {
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_a_whole_answer_pays_for_it(
    #[values(On::Sqlite, On::Postgres)] on: On,
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

/// Local limits that a client can exceed on purpose: the output delivered until then is charged, also at a flat price.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_reaches_a_limit_on_purpose_pays(#[values(On::Sqlite, On::Postgres)] on: On) {
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_that_is_too_long_is_paid_for_and_bought_once(#[values(On::Sqlite, On::Postgres)] on: On) {
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
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_until_the_upstream_gives_up_pays(#[values(On::Sqlite, On::Postgres)] on: On) {
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
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_until_the_upstream_gives_up_pays(#[values(On::Sqlite, On::Postgres)] on: On) {
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

/// All output of an upstream counts, in any field and in any kind of response.
#[rstest]
#[case::a_custom_tool(vec![delta(json!({ "tool_calls": [{ "type": "custom", "custom": { "input": "THE ANSWER" } }] }))])]
#[case::parts(vec![delta(json!({ "content": [{ "type": "text", "text": "THE ANSWER" }] }))])]
#[case::audio(vec![delta(json!({ "audio": { "transcript": "THE ANSWER" } }))])]
#[case::reasoning(vec![delta(json!({ "reasoning_details": [{ "text": "THE ANSWER" }] }))])]
#[case::an_odd_usage(vec!["data: {\"choices\":[{\"delta\":{\"content\":\"THE ANSWER\"}}],\"usage\":{\"prompt_tokens\":null}}\n\n".to_owned()])]
#[case::no_json(vec![piece("I") + "data: THE ANSWER\n\n"])]
#[case::no_data(vec![piece("I") + "{\"text\": \"THE ANSWER\"}\n\n"])]
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_an_upstream_writes_is_paid_for(
    #[values(On::Sqlite, On::Postgres)] on: On,
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_to_a_stream_is_paid_for(#[values(On::Sqlite, On::Postgres)] on: On) {
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
#[rstest]
#[case::empty(json!({}), None)]
#[case::zeros(json!({ "prompt_tokens": 0, "completion_tokens": 0 }), None)]
#[case::half(json!({ "prompt_tokens": 7 }), None)]
#[case::other_names(json!({ "input_tokens": 50, "output_tokens": 80 }), Some(130))]
#[case::floats(json!({ "prompt_tokens": 7.0, "completion_tokens": 3.5 }), Some(11))]
#[case::texts(json!({ "prompt_tokens": "7", "completion_tokens": "3" }), Some(10))]
#[tokio::test(flavor = "multi_thread")]
async fn unknown_is_not_zero(
    #[values(On::Sqlite, On::Postgres)] on: On,
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
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_paid_for_before_the_first_byte(#[values(On::Sqlite, On::Postgres)] on: On) {
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

/// A clock that lags does not return to the previous day: around midnight two servers spend the daily limit at most
/// twice.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_over_does_not_come_back(#[values(On::Sqlite, On::Postgres)] on: On) {
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_a_call_has_the_flat_price(#[values(On::Sqlite, On::Postgres)] on: On) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let with = |answers: u64| {
        let mut body = asking("upstream", true);
        body["n"] = json!(answers);
        mia.post("/v1/chat/completions", body)
    };
    let three = with(3).await;
    assert_eq!((three.status.as_u16(), &three.headers["x-jeton-hold"]), (200, &"300".parse().unwrap()));
    assert_eq!(app.balance(&mia).await, (3700, 0));
    let many = with(128).await;
    assert_eq!((many.status.as_u16(), &many.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    assert_eq!(with(129).await.json()["error"]["param"], "n");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 1, "what can't be paid is not asked");
    assert_eq!(app.balance(&mia).await, (3700, 0));
    // A stop is charged in full too: all choices were being generated.
    let (url, _) = upstream(Does::Hang(vec![piece("One")])).await;
    let app = app_with(on, "v1.usage_wait_timeout = '100ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let mut call = crate::openai_api::chat_call_of("upstream", "Hello");
    call.choices = 4;
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    called.events.next().await.unwrap();
    drop(called);
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3600, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_the_hold_does_not_pay_for_are_rejected_by_name(#[values(On::Sqlite, On::Postgres)] on: On) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let search = json!([{ "type": "web_search" }]);
    let mut body = asking("by_unit", true);
    body["tools"] = search;
    assert_eq!(mia.post("/v1/chat/completions", body).await.json()["error"]["param"], "tools");
    for name in [
        "additional_drop_params",
        "n_predict\0",
        "max_tokens\u{200b}",
        "n_predict",
        "max_new_tokens",
        "best_of",
        "min_tokens",
        "Max_Tokens",
        "maxTokens",
        "max_token\u{17f}",
        "N",
        "MODEL",
        "models",
        "prediction",
        "extra_body",
        "api_base",
        "num_return_sequences",
        "ignore_eos",
    ] {
        let mut body = asking("by_unit", true);
        body[name] = json!(5000);
        let refused = mia.post("/v1/chat/completions", body).await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status.as_u16(), &error["param"]), (400, &json!(name)), "{error}");
        assert_eq!(error["code"], "unsupported_parameter");
    }
    let mut body = asking("by_unit", true);
    body["service_tier"] = json!("priority");
    assert_eq!(mia.post("/v1/chat/completions", body.clone()).await.json()["error"]["param"], "service_tier");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 0);
    assert_eq!(app.balance(&mia).await, (4000, 0));
    // Parameters without effect, and those that no upstream is known to charge for, are allowed.
    body["service_tier"] = json!("auto");
    body["n_predict"] = Value::Null;
    body["a_field_of_the_future"] = json!({ "x": 1 });
    assert_eq!(mia.post("/v1/chat/completions", body).await.status, 200);
}

/// A second spelling would override the request for usage at an upstream that ignores case.
#[tokio::test(flavor = "multi_thread")]
async fn the_usage_is_asked_for_once() {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(On::Sqlite, "", &[&url]).await;
    let mia = app.user("mia").await;
    for options in [
        json!({ "include_usage": true, "include_u\u{17f}age": false }),
        json!({ "Include_Usage": false, "include_obfuscation": false }),
    ] {
        let mut body = asking("by_unit", true);
        body["stream_options"] = options.clone();
        mia.post("/v1/chat/completions", body).await;
        let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap().last().unwrap().1).unwrap();
        let mut expected = json!({ "include_usage": true });
        if let Some(other) = options.get("include_obfuscation") {
            expected["include_obfuscation"] = other.clone();
        }
        assert_eq!(sent["stream_options"], expected);
    }
}

/// An upstream ignores an unknown parameter, and with it the output limit that the hold is calculated from.
#[rstest]
#[case::unset(None, [
    ("\"max_completion_tokens\" : 9", "\"max_completion_tokens\" : 9"),
    ("\"max_tokens\":9", "\"max_tokens\":9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":5", "\"max_tokens\":5,\"max_completion_tokens\":5"),
])]
#[case::older(Some("max_tokens"), [
    ("\"max_completion_tokens\" : 9", "\"max_tokens\" : 9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":5", "\"max_tokens\":5,\"max_completion_tokens\":5"),
    ("\"max_completion_tokens\":null,\"max_tokens\":9", "\"max_completion_tokens\":null,\"max_tokens\":9"),
])]
#[case::newer(Some("max_completion_tokens"), [
    ("\"max_completion_tokens\" : 9", "\"max_completion_tokens\" : 9"),
    ("\"max_tokens\":9", "\"max_completion_tokens\":9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":null", "\"max_tokens\":9,\"max_completion_tokens\":9"),
])]
#[tokio::test(flavor = "multi_thread")]
async fn the_output_limit_goes_by_the_name_that_the_upstream_knows(
    #[case] limit_name: Option<&'static str>,
    #[case] calls: [(&str, &str); 3],
) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let provider = openai_with(&[&url], 0, |settings| settings.max_tokens_param = limit_name);
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(provider)).await;
    let mia = app.user("mia").await;
    let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    for (given, sent) in calls {
        post_raw(&mia, &format!("{{\"model\":\"by_unit\",{given},{messages}}}"), &[]).await;
        let last = heard.bodies.lock().unwrap().last().unwrap().1.clone();
        assert_eq!(last, format!("{{\"model\":\"gpt-test\",{sent},{messages}}}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_decide_which_parameters_pass() {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let forced = [("store".to_owned(), json!(false))].into();
    let params = Params::new(&[], &names(&["temperature", "best_of"]), &forced, &names(&["n", "best_of"]), &[]);
    let app =
        TestApp::with_provider(On::Sqlite, "", Arc::new(openai_with(&[&url], 0, |settings| settings.params = params)))
            .await;
    let mia = app.user("mia").await;
    let call = |more: Value| {
        let mut body = asking("upstream", true);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.post("/v1/chat/completions", body)
    };
    assert_eq!(call(json!({ "seed": 1 })).await.json()["error"]["param"], "seed", "not in the allow-list");
    let priced = call(json!({ "temperature": 0, "n": 2, "best_of": 3, "store": true })).await;
    assert_eq!((priced.status.as_u16(), &priced.headers["x-jeton-hold"]), (200, &"600".parse().unwrap()));
    let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap()[0].1).unwrap();
    assert_eq!(sent["store"], false);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn operators_see_a_usage_that_exceeds_its_hold(#[values(On::Sqlite, On::Postgres)] on: On) {
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

/// The permissions of an API key are checked before an existing chat is returned.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_opens_nothing_that_the_api_key_may_not_have(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let body = asking("scripted", false).to_string();
    let retry = [("idempotency-key", "k")];
    let (first, _) = with_key(&mia, json!({ "name": "first", "spendingLimit": { "total": 100 } })).await;
    app.model.play([Step::Say("secret"), Step::End(None)]);
    assert_eq!(post_raw(&first, &body, &retry).await.json()["choices"][0]["message"]["content"], "secret");

    let (bound, _) = with_key(&mia, json!({ "name": "bound", "models": ["echo"] })).await;
    let refused = post_raw(&bound, &body, &retry).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (404, &json!("model_not_found")));
    let (spent, _) = with_key(&mia, json!({ "name": "spent", "spendingLimit": { "total": 100 } })).await;
    assert_eq!(post_raw(&spent, &asking("echo", false).to_string(), &[]).await.status, 200);
    let refused = post_raw(&spent, &body, &retry).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    // Just revoked, and still in this server's cache: the row decides.
    let (revoked, id) = with_key(&mia, json!({ "name": "revoked" })).await;
    let viewer = app.viewer(&revoked).await;
    mia.data("mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { errors { code } } }", json!({ "id": id }))
        .await;
    let mut call = crate::openai_api::chat_call_of("scripted", "Hello");
    call.idempotency_key = Some("k".to_owned());
    let refused = jeton::domain::chat::call(&app.app, viewer.require_completions().unwrap(), call).await.err().unwrap();
    assert_eq!(refused.code.as_str(), "UNAUTHENTICATED");
    let (reader, _) = with_key(&mia, json!({ "name": "reader", "scopes": ["READ"] })).await;
    assert_eq!(post_raw(&reader, &body, &retry).await.status, 403);

    // The API key that has paid receives its response on a retry, with nothing left to spend.
    assert_eq!(post_raw(&first, &body, &retry).await.json()["choices"][0]["message"]["content"], "secret");
    assert_eq!(app.balance(&mia).await, (3800, 0));
}

/// The same by GraphQL, where an API key with the scope WRITE sends concurrent messages.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn messages_at_once_obey_the_same_rule(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let input = json!({ "message": "Hello", "model": "scripted", "idempotencyKey": "k" });
    assert_eq!(mia.say_with(input.clone()).await["chat"]["response"], "ok");
    let (bound, _) = with_key(&mia, json!({ "name": "bound", "models": ["echo"], "scopes": ["WRITE"] })).await;
    let tries = futures::future::join_all((0..20).map(|number| {
        let (client, input) = (if number % 2 == 0 { &mia } else { &bound }, input.clone());
        async move { client.say_with(input).await }
    }));
    for (number, said) in tries.await.into_iter().enumerate() {
        match number % 2 {
            0 => assert_eq!(said["chat"]["response"], "ok"),
            _ => assert_eq!((&said["chat"], &said["errors"][0]["field"]), (&Value::Null, &json!("model")), "{said}"),
        }
    }
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

/// All parameters belong to the idempotency key: also the model, and the replaced chat.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_stands_for_all_that_was_asked(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let conversation = "mutation { createConversation(input: {}) { conversation { id } } }";
    let conversation = mia.data(conversation, json!({})).await["createConversation"]["conversation"]["id"].take();
    let send = |more: Value| {
        let mut input = json!({ "message": "Hello", "conversationId": conversation, "idempotencyKey": "k" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.say_with(input)
    };
    let conflict = json!("CONFLICT");
    let first = send(json!({ "model": "scripted" })).await["chat"]["id"].take();
    assert_eq!(send(json!({ "model": "scripted" })).await["chat"]["id"], first);
    assert_eq!(send(json!({ "model": "echo" })).await["errors"][0]["code"], conflict);
    assert_eq!(send(json!({})).await["errors"][0]["code"], conflict, "the model was named");

    let regenerate = "mutation($id: ID!, $k: String!) { regenerate(input: {chatId: $id, idempotencyKey: $k}) {
        chat { id } errors { code } } }";
    let as_message = mia.data(regenerate, json!({ "id": first, "k": "k" })).await;
    assert_eq!(as_message["regenerate"]["errors"][0]["code"], conflict, "a message is no replacement");
    let again = json!({ "id": first, "k": "k-2" });
    let replaced = mia.data(regenerate, again.clone()).await["regenerate"]["chat"]["id"].take();
    assert_eq!(mia.data(regenerate, again).await["regenerate"]["chat"]["id"], replaced);
    app.settled().await;
    let sent = send(json!({ "model": "scripted", "idempotencyKey": "k-2" })).await;
    assert_eq!(sent["errors"][0]["code"], conflict, "a replacement is no message");
    let other = mia.data(regenerate, json!({ "id": replaced, "k": "k-2" })).await;
    assert_eq!(other["regenerate"]["errors"][0]["code"], conflict, "another chat is replaced");
}
