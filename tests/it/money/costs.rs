//! Costs: what a chat is charged, by its price and its end.

use std::sync::Arc;

use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::until;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn a_message_costs_its_price_and_the_ledger_says_why(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let sent = mia.say("echo", " Hello ").await;
    assert_eq!(sent["chat"]["message"], "Hello");
    assert_eq!(sent["chat"]["response"], "AI Response to: Hello");
    assert_eq!(sent["chat"]["status"], "DONE");
    assert_eq!(sent["chat"]["cost"], 100);
    assert_eq!(sent["balance"], json!({ "tokens": 3900, "held": 0 }));
    assert_eq!(sent["errors"], json!([]));
    assert_eq!(app.ledger(&mia).await, [("SignupGrant".to_owned(), 4000), ("ChatDone".to_owned(), -100)]);
}

#[apply(on_both_databases)]
#[case::fails_at_once(vec![Step::Fail], "", 0, "ChatFailed", "PROVIDER_UNAVAILABLE")]
#[case::ends_without_a_word(vec![Step::End(None)], "", 0, "ChatFailed", "PROVIDER_UNAVAILABLE")]
#[case::panics(vec![Step::Panic], "", 0, "ChatFailed", "PROVIDER_UNAVAILABLE")]
#[case::hangs(vec![Step::Hang], "", 0, "ChatFailed", "TIMEOUT")]
#[case::fails_midway(vec![Step::Say("Half an "), Step::Fail], "Half an ", 0, "ChatBrokenOff", "PROVIDER_UNAVAILABLE")]
#[case::breaks_off(vec![Step::Say("Half an "), Step::BreakOff], "Half an ", 0, "ChatBrokenOff", "PROVIDER_UNAVAILABLE")]
#[case::hangs_midway(vec![Step::Say("Half an "), Step::Hang], "Half an ", 0, "ChatBrokenOff", "TIMEOUT")]
async fn a_model_that_fails_costs_nothing_at_a_flat_price(
    on: On,
    #[case] script: Vec<Step>,
    #[case] kept: &str,
    #[case] cost: i64,
    #[case] reason: &str,
    #[case] code: &str,
) {
    let app = TestApp::with(on, "turns.first_chunk_timeout = '100ms'\nturns.chunk_timeout = '100ms'").await;
    let mia = app.user("mia").await;
    app.model.play(script);
    let sent = mia.say("scripted", "Hello").await;
    assert_eq!(sent["chat"]["status"], "FAILED");
    assert_eq!(sent["chat"]["response"], kept);
    assert_eq!(sent["chat"]["error"]["code"], code);
    assert_eq!(sent["errors"][0]["code"], code);
    assert_eq!(sent["balance"], json!({ "tokens": 4000, "held": 0 }));
    assert_eq!(app.ledger(&mia).await[1], (reason.to_owned(), cost));
}

#[apply(on_both_databases)]
async fn a_metered_model_charges_the_usage_and_gives_back_the_rest(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    app.model.play([Step::Say("Forty-two."), Step::End(Some(Usage::of(12, 500)))]);
    let sent = mia.say("metered", "What is it?").await;
    // 12 x 10 + 500 x 30 thousandths, rounded up; the hold: 11 characters and 1024 model tokens of output.
    assert_eq!(sent["chat"]["cost"], 16);
    assert_eq!(sent["chat"]["hold"], 31);
    assert_eq!(sent["chat"]["usage"], json!({ "input": 12, "output": 500, "estimated": false }));
    assert_eq!(sent["balance"], json!({ "tokens": 3984, "held": 0 }));
}

#[apply(on_both_databases)]
async fn a_metered_reply_that_breaks_off_costs_what_was_produced(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let hundred: &'static str = Box::leak("x".repeat(100).into_boxed_str());
    app.model.play([Step::Say(hundred), Step::BreakOff]);
    let sent = mia.say("metered", "Go on").await;
    assert_eq!(sent["chat"]["status"], "FAILED");
    assert_eq!(sent["chat"]["cost"], 4, "5 units read and 100 written, rounded up");
    assert_eq!(sent["chat"]["usage"], json!({ "input": 5, "output": 100, "estimated": true }));
    assert_eq!(app.ledger(&mia).await[1], ("ChatBrokenOff".to_owned(), -4));
}

#[apply(on_both_databases)]
async fn the_longest_reply_is_what_the_balance_can_pay(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 4").await;
    let mia = app.user("mia").await;
    app.model.play([Step::Say("short"), Step::End(Some(Usage::of(5, 5000)))]);
    let sent = mia.say("metered", "Hello").await;
    assert_eq!(app.model.heard()[0].max_output, 131, "(4000 - 5 x 10) / 30");
    assert_eq!(sent["chat"]["cost"], 4, "an upstream that writes more than it was allowed to is not paid for it");
    assert_eq!(sent["balance"], json!({ "tokens": 0, "held": 0 }));
    let refused = mia.say("metered", "Hello").await;
    assert_eq!(refused["errors"][0]["code"], "INSUFFICIENT_TOKENS");
    assert_eq!(app.model.heard().len(), 1, "the model was not asked");
}

const STOP: &str = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) {
    chat { status response cost } balance { tokens held } errors { code } } }";

/// Sends a message in the background. Returns the chat's id.
async fn start(client: &Client, model: &str) -> Value {
    let start = "mutation($model: String!) { startMessage(input: {message: \"Hello\", model: $model}) {
        chat { id status } errors { code } } }";
    let mut started = client.data(start, json!({ "model": model })).await["startMessage"].take();
    assert_eq!(started["chat"]["status"], "PENDING");
    started["chat"]["id"].take()
}

#[apply(on_both_databases)]
#[case::a_flat_price_with_text("scripted", vec![Step::Say("Half"), Step::Hang], "Half", 100)]
#[case::a_flat_price_without("scripted", vec![Step::Hang], "", 0)]
#[case::a_metered_price("metered", vec![Step::Say("Half an answer"), Step::Hang], "Half an answer", 1)]
async fn a_stopped_reply_costs_what_was_produced(
    on: On,
    #[case] model: &str,
    #[case] script: Vec<Step>,
    #[case] kept: &str,
    #[case] cost: i64,
) {
    let app = TestApp::with(on, "turns.save_interval = '10ms'").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    app.model.play(script);
    let id = start(&mia, model).await;
    let text = "query($id: ID!) { chat(id: $id) { response } }";
    until(|| async { mia.data(text, json!({ "id": id })).await["chat"]["response"] == kept }).await;
    let theirs = tom.data(STOP, json!({ "id": id })).await;
    assert_eq!(theirs["stopMessage"]["errors"], json!([{ "code": "NOT_FOUND" }]));
    for _ in 0..2 {
        let stopped = mia.data(STOP, json!({ "id": id })).await;
        let expected = json!({ "chat": { "status": "STOPPED", "response": kept, "cost": cost },
            "balance": { "tokens": 4000 - cost, "held": 0 }, "errors": [] });
        assert_eq!(stopped["stopMessage"], expected, "stopping twice changes nothing");
    }
    assert_eq!(app.ledger(&mia).await[1], ("ChatStopped".to_owned(), -cost));
}

#[apply(on_both_databases)]
async fn stopping_that_races_the_natural_end_settles_once(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    for _ in 0..20 {
        let gate = Arc::new(Semaphore::new(0));
        app.model.play([Step::Say("ok"), Step::Wait(gate.clone()), Step::End(None)]);
        let id = start(&mia, "scripted").await;
        let ending = async { gate.add_permits(1) };
        let (stopped, ()) = tokio::join!(mia.data(STOP, json!({ "id": id })), ending);
        let chat = &stopped["stopMessage"]["chat"];
        assert!(chat["status"] == "STOPPED" || chat["status"] == "DONE", "{stopped}");
        let nothing_yet = chat["response"] == "" && chat["status"] == "STOPPED";
        assert_eq!(chat["cost"], if nothing_yet { 0 } else { 100 }, "{stopped}");
    }
    assert_eq!(app.ledger(&mia).await.len(), 21, "one entry for each");
}
