//! Models that reason before they answer: a sign of life, shown, stored, charged, and no part of the next context.

use std::sync::Arc;
use std::time::Duration;

use jeton::core::finish_reason::FinishReason;
use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::money::until;
use crate::support::socket::Socket;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const FOLLOW: &str = "subscription($id: ID!, $after: Int, $reasoning: Int) {
    replyStream(chatId: $id, after: $after, reasoningAfter: $reasoning) { __typename
        ... on ReplyDelta { seq offset text }
        ... on ReplyReasoning { seq offset text }
        ... on ReplyFinished { chat { status response reasoning } }
        ... on ReplyFailed { chat { status } code } } }";
const START: &str = "mutation($model: String!) { startMessage(input: {message: \"Hello\", model: $model}) {
    chat { id } errors { code } } }";
const STOP: &str = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status cost } errors { code } } }";
const CHAT: &str = "query($id: ID!) { chat(id: $id) { status response reasoning reasoningMs finishReason cost hold
    error { code } usage { input cacheRead cacheWrite output reasoning estimated } } }";

async fn start(client: &Client, model: &str) -> Value {
    let mut started = client.data(START, json!({ "model": model })).await["startMessage"].take();
    assert_eq!(started["errors"], json!([]));
    started["chat"]["id"].take()
}

async fn chat(client: &Client, id: &Value) -> Value {
    client.data(CHAT, json!({ "id": id })).await["chat"].take()
}

#[apply(on_both_databases)]
async fn a_model_that_thinks_longer_than_every_timeout_is_answered_and_its_thoughts_resume(on: On) {
    let limits = "turns.first_chunk_timeout = '400ms'\nturns.chunk_timeout = '400ms'\nturns.save_interval = '20ms'";
    let app = TestApp::with(on, limits).await;
    let (mia, gate) = (app.user("mia").await, Arc::new(Semaphore::new(0)));
    let think = |text| [Step::Wait(gate.clone()), Step::Think(text)];
    let mut script: Vec<_> = ["Hm, ", "6 × 7 ", "is ", "well ", "known."].into_iter().flat_map(think).collect();
    script.extend([Step::Wait(gate.clone()), Step::KeepAlive, Step::Wait(gate.clone()), Step::Say("42")]);
    let usage = Usage { cache_read: 1, reasoning: 400, ..Usage::of(5, 403) };
    script.extend([Step::Finish(FinishReason::Stop), Step::End(Some(usage))]);
    app.model.play(script);
    let id = start(&mia, "metered").await;
    let mut socket = Socket::begin(app.serve().await, mia.access.as_deref()).await;
    socket.subscribe("1", FOLLOW, json!({ "id": id })).await;
    let part = |kind: &str, seq: usize, offset: usize, text: &str| json!({ "data": { "replyStream": { "__typename": kind, "seq": seq, "offset": offset, "text": text } } });
    let slowly = || async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        gate.add_permits(1);
    };
    for (seq, offset, text) in [(4, 0, "Hm, "), (10, 4, "6 × 7 "), (13, 10, "is ")] {
        slowly().await;
        assert_eq!(socket.hear_next("1").await, part("ReplyReasoning", seq, offset, text));
    }
    app.clock.advance(Duration::from_secs(120));
    // A reload in the middle of the thoughts: all of them, or only those that are missing.
    let mut again = Socket::begin(app.serve().await, mia.access.as_deref()).await;
    again.subscribe("2", FOLLOW, json!({ "id": id, "reasoning": 10 })).await;
    assert_eq!(again.hear_next("2").await, part("ReplyReasoning", 13, 10, "is "));
    until(|| async { chat(&mia, &id).await["reasoning"] == "Hm, 6 × 7 is " }).await;
    for (seq, offset, text) in [(18, 13, "well "), (24, 18, "known.")] {
        slowly().await;
        for (socket, id) in [(&mut socket, "1"), (&mut again, "2")] {
            assert_eq!(socket.hear_next(id).await, part("ReplyReasoning", seq, offset, text));
        }
    }
    slowly().await;
    slowly().await;
    for (socket, id) in [(&mut socket, "1"), (&mut again, "2")] {
        assert_eq!(socket.hear_next(id).await, part("ReplyDelta", 2, 0, "42"));
        let chat = json!({ "status": "DONE", "response": "42", "reasoning": "Hm, 6 × 7 is well known." });
        let end = json!({ "data": { "replyStream": { "__typename": "ReplyFinished", "chat": chat } } });
        assert_eq!(socket.hear_next(id).await, end);
    }
    let chat = chat(&mia, &id).await;
    // 4 x 0.01 + 1 x 0.01 + 3 x 0.03 + 400 x 0.03 = 12.14
    assert_eq!((&chat["cost"], &chat["finishReason"]), (&json!(13), &json!("STOP")));
    let usage =
        json!({ "input": 5, "cacheRead": 1, "cacheWrite": 0, "output": 403, "reasoning": 400, "estimated": false });
    assert_eq!(chat["usage"], usage);
    assert_eq!(chat["reasoningMs"], 120_000);
}

#[apply(on_both_databases)]
#[case::at_a_flat_price("scripted", 100)]
#[case::at_a_metered_price("metered", 1)]
async fn thoughts_that_are_stopped_in_the_middle_are_charged_and_kept(on: On, #[case] model: &str, #[case] cost: i64) {
    let app = TestApp::with(on, "turns.save_interval = '10ms'").await;
    let mia = app.user("mia").await;
    app.model.play([Step::Think("Let me think about it"), Step::Hang]);
    let id = start(&mia, model).await;
    until(|| async { chat(&mia, &id).await["reasoning"] == "Let me think about it" }).await;
    let stopped = mia.data(STOP, json!({ "id": id })).await["stopMessage"].take();
    assert_eq!(stopped["chat"], json!({ "status": "STOPPED", "cost": cost }));
    let chat = chat(&mia, &id).await;
    assert_eq!((&chat["reasoning"], &chat["response"]), (&json!("Let me think about it"), &json!("")));
    assert_eq!((&chat["usage"]["output"], &chat["usage"]["reasoning"]), (&json!(21), &json!(21)), "{chat}");
}

#[apply(on_both_databases)]
#[case::flat("scripted", 0)]
#[case::metered("metered", 31)]
async fn a_limit_within_the_thoughts_is_a_length_and_charged_by_usage(on: On, #[case] model: &str, #[case] cost: i64) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let usage = Usage { reasoning: 1024, ..Usage::of(5, 1024) };
    app.model.play([Step::Think("Hm, hm"), Step::Finish(FinishReason::Length), Step::End(Some(usage))]);
    let id = start(&mia, model).await;
    app.settled().await;
    let chat = chat(&mia, &id).await;
    assert_eq!(
        (&chat["status"], &chat["finishReason"], &chat["error"]),
        (&json!("DONE"), &json!("LENGTH"), &Value::Null)
    );
    assert_eq!((&chat["cost"], &chat["reasoning"], &chat["response"]), (&json!(cost), &json!("Hm, hm"), &json!("")));
    assert_eq!(app.ledger(&mia).await[1], ("ChatDone".to_owned(), -cost));
}

#[apply(on_both_databases)]
async fn thoughts_alone_are_no_answer(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    app.model.play([Step::Think("Hm"), Step::Finish(FinishReason::Stop), Step::End(Some(Usage::of(5, 2)))]);
    let sent = mia.say("scripted", "Hello").await;
    assert_eq!((&sent["chat"]["status"], &sent["chat"]["cost"]), (&json!("FAILED"), &json!(0)));
    assert_eq!(sent["errors"][0]["code"], "PROVIDER_UNAVAILABLE");
}

#[apply(on_both_databases)]
async fn the_next_message_is_sent_without_the_thoughts_and_without_a_chat_that_has_nothing_else(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let create = "mutation { createConversation(input: {title: \"x\"}) { conversation { id } } }";
    let id = mia.data(create, json!({})).await["createConversation"]["conversation"]["id"].take();
    let say = |text: &str| mia.say_with(json!({ "message": text, "model": "scripted", "conversationId": id }));
    app.model.play([Step::Think("A greeting."), Step::Say("Hi!"), Step::End(None)]);
    say("Hello").await;
    app.model.play([Step::Think("Too long"), Step::Finish(FinishReason::Length), Step::End(None)]);
    let cut = say("Prove it").await;
    assert_eq!(cut["chat"]["status"], "DONE");
    say("Again").await;
    let heard = app.model.heard().pop().unwrap();
    let texts: Vec<_> = heard.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(texts, ["Hello", "Hi!", "Again"]);
}

#[apply(on_both_databases)]
async fn programs_get_the_thoughts_of_own_models_beside_the_answer(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let usage = Usage { cache_read: 2, reasoning: 3, ..Usage::of(4, 5) };
    let script = [Step::Think("Hm "), Step::Think("hm"), Step::Say("42"), Step::End(Some(usage))];
    let mut call = json!({ "model": "scripted", "messages": [{ "role": "user", "content": "Hi" }] });
    app.model.play(script.clone());
    let whole = mia.post("/v1/chat/completions", call.clone()).await.json();
    let message = &whole["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("42"), &json!("Hm hm")));
    assert_eq!(whole["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
    assert_eq!(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
    app.model.play(script);
    call["stream"] = true.into();
    let streamed = mia.post("/v1/chat/completions", call).await.text;
    let events = streamed.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let (mut thoughts, mut answer) = (String::new(), String::new());
    for event in events {
        let delta = &event["choices"][0]["delta"];
        thoughts.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        answer.push_str(delta["content"].as_str().unwrap_or_default());
    }
    assert_eq!((thoughts.as_str(), answer.as_str()), ("Hm hm", "42"));
}
