//! Holds, settlements and releases: exact under concurrency, when the model fails, and when the server crashes.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jeton::core::error::Code;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::chat;
use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

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
async fn sixty_at_once_are_forty_answers_and_twenty_refusals(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let sent = join_all((0..60).map(|i| {
        let mia = mia.clone();
        async move { mia.say("echo", &format!("message {i}")).await }
    }))
    .await;
    let refused = sent.iter().filter(|sent| sent["errors"][0]["code"] == "INSUFFICIENT_TOKENS");
    assert_eq!(refused.count(), 20);
    assert_eq!(sent.iter().filter(|sent| sent["chat"]["status"] == "DONE").count(), 40);
    assert_eq!(app.balance(&mia).await, (0, 0));
    assert_eq!(app.ledger(&mia).await.len(), 41);
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
    app.model.play([Step::Say("Forty-two."), Step::End(Some(Usage { input: 12, output: 500 }))]);
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
    app.model.play([Step::Say("short"), Step::End(Some(Usage { input: 5, output: 5000 }))]);
    let sent = mia.say("metered", "Hello").await;
    assert_eq!(app.model.heard()[0].max_output, 131, "(4000 - 5 x 10) / 30");
    assert_eq!(sent["chat"]["cost"], 4, "an upstream that writes more than it was allowed to is not paid for it");
    assert_eq!(sent["balance"], json!({ "tokens": 0, "held": 0 }));
    let refused = mia.say("metered", "Hello").await;
    assert_eq!(refused["errors"][0]["code"], "INSUFFICIENT_TOKENS");
    assert_eq!(app.model.heard().len(), 1, "the model was not asked");
}

#[apply(on_both_databases)]
async fn messages_at_both_kinds_of_price_at_once_cost_what_each_would_alone(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 200").await;
    let (mia, tom, zoe) = (app.user("mia").await, app.user("tom").await, app.user("zoe").await);
    app.model.play([Step::Say("Forty-two."), Step::End(Some(Usage { input: 12, output: 500 }))]);
    // The hold of a metered message is 31; with a lower balance the reply is shorter, or refused.
    let sent = join_all((0..60).map(|number| {
        let (who, model) = match number % 3 {
            0 => (mia.clone(), "metered"),
            1 => (tom.clone(), if number % 2 == 0 { "metered" } else { "echo" }),
            _ => (zoe.clone(), "echo"),
        };
        async move { (who.user_id(), who.say(model, "What is it?").await) }
    }))
    .await;
    for who in [&mia, &tom, &zoe] {
        let costs =
            sent.iter().filter(|(id, _)| *id == who.user_id()).map(|(_, sent)| match &sent["errors"][0]["code"] {
                Value::Null => sent["chat"]["cost"].as_i64().unwrap(),
                code => {
                    assert_eq!(code, "INSUFFICIENT_TOKENS");
                    0
                }
            });
        let costs: Vec<_> = costs.collect();
        assert_eq!(app.balance(who).await, (200 - costs.iter().sum::<i64>(), 0));
        assert!(costs.iter().filter(|cost| **cost > 0).count() >= 2, "{costs:?}");
    }
    assert_eq!(app.balance(&zoe).await, (0, 0), "two of twenty");
    for request in app.model.heard() {
        assert!((1..=1024).contains(&request.max_output), "{}", request.max_output);
    }
}

#[apply(on_both_databases)]
async fn tokens_are_held_while_the_chat_is_open(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    gate.add_permits(1);
    assert_eq!(sending.await.unwrap()["balance"], json!({ "tokens": 3900, "held": 0 }));
}

#[apply(on_both_databases)]
async fn a_client_that_goes_away_gets_its_answer_into_the_history(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Say("It "), Step::Wait(gate.clone()), Step::Say("waits."), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    sending.abort();
    gate.add_permits(1);
    app.settled().await;
    let history = mia.data("{ chatHistory { nodes { response status cost } } }", json!({})).await;
    let expected = json!([{ "response": "It waits.", "status": "DONE", "cost": 100 }]);
    assert_eq!(history["chatHistory"]["nodes"], expected);
}

#[apply(on_both_databases)]
async fn one_idempotency_key_twenty_times_at_once_is_one_chat_and_one_charge(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("once"), Step::End(None)]);
    let input = json!({ "model": "scripted", "message": "Hello", "idempotencyKey": "k-1" });
    let sending: Vec<_> = (0..20)
        .map(|_| {
            let (mia, input) = (mia.clone(), input.clone());
            tokio::spawn(async move { mia.say_with(input).await })
        })
        .collect();
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    gate.add_permits(1);
    let answers: Vec<Value> = join_all(sending).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer["chat"] == answers[0]["chat"]), "{answers:#?}");
    assert_eq!(answers[0]["chat"]["response"], "once");
    assert_eq!(app.balance(&mia).await, (3900, 0));

    let other = mia.say_with(json!({ "model": "scripted", "message": "Other", "idempotencyKey": "k-1" })).await;
    assert_eq!(other["errors"][0]["code"], "CONFLICT");
    let tom = app.user("tom").await;
    let own = tom.say_with(json!({ "message": "Tom's own", "idempotencyKey": "k-1" })).await;
    assert_eq!(own["chat"]["status"], "DONE", "keys are each user's own");
}

#[apply(on_both_databases)]
async fn a_chat_whose_server_died_is_interrupted_and_free(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    // Another server on the same database; the first one does not renew its lease.
    let survivor = app.second_server();
    assert_eq!(chat::sweep(&survivor).await.unwrap(), 0, "the lease still runs");
    app.clock.advance(Duration::from_secs(31));
    let (one, two) = tokio::join!(chat::sweep(&survivor), chat::sweep(&survivor));
    assert_eq!(one.unwrap() + two.unwrap(), 1, "it ends once");
    assert_eq!(app.balance(&mia).await, (4000, 0));
    assert_eq!(app.ledger(&mia).await[1], ("ChatInterrupted".to_owned(), 0));
    // The first server was only slow, and finds the chat closed.
    app.app.stopping.cancel();
    let sent = sending.await.unwrap();
    assert_eq!(sent["chat"]["status"], "INTERRUPTED");
    assert_eq!(sent["balance"], json!({ "tokens": 4000, "held": 0 }));
}

#[apply(on_both_databases)]
async fn of_chats_that_end_together_those_that_were_swept_spoil_none(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let mut sending = Vec::new();
    for round in 0..2 {
        for _ in 0..3 {
            app.model.play([Step::Say("Half"), Step::Hang]);
            let mia = mia.clone();
            sending.push(tokio::spawn(async move { mia.say("scripted", "Hello").await }));
        }
        until(|| async { app.balance(&mia).await == (3700, 300) }).await;
        if round == 0 {
            app.clock.advance(Duration::from_secs(31));
            assert_eq!(chat::sweep(&app.second_server()).await.unwrap(), 3);
        }
    }
    // All six are closed in one batch; three were swept already.
    app.app.stopping.cancel();
    for sent in sending {
        let sent = sent.await.unwrap();
        assert_eq!((&sent["chat"]["status"], &sent["chat"]["cost"]), (&json!("INTERRUPTED"), &json!(0)));
    }
    assert_eq!(app.balance(&mia).await, (4000, 0));
    let ended = app.ledger(&mia).await.into_iter().filter(|entry| *entry == ("ChatInterrupted".to_owned(), 0));
    assert_eq!(ended.count(), 6, "each ends once");
}

#[apply(on_both_databases)]
async fn an_account_deleted_with_an_open_chat_leaves_no_tokens_behind(on: On) {
    let app = TestApp::with(on, "turns.save_interval = '20ms'\nturns.lease = '60ms'").await;
    let mia = app.user("mia").await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move {
            mia.graphql(
                "mutation { sendMessage(input: {model: \"scripted\", message: \"Hi\"}) { chat { id } } }",
                json!({}),
            )
            .await
        }
    });
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    admin::delete(&app.app, Actor::CommandLine, mia.user_id()).await.unwrap();
    // The turn notices that at the next save, and stops: it can't be charged.
    app.settled().await;
    sending.await.unwrap();
    let expected = [("SignupGrant".to_owned(), 4000), ("AccountClosed".to_owned(), -4000)];
    assert_eq!(app.ledger(&mia).await, expected);
}

#[apply(on_both_databases)]
async fn adjustments_and_messages_at_once_lose_nothing(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let sending = join_all((0..30).map(|i| {
        let mia = mia.clone();
        async move { mia.say("echo", &i.to_string()).await }
    }));
    let adjusting = join_all((0..30).map(|_| adjust(&app, mia.user_id(), 7, None)));
    let (_, adjusted) = tokio::join!(sending, adjusting);
    assert!(adjusted.iter().all(Result::is_ok));
    assert_eq!(app.balance(&mia).await, (4000 - 3000 + 210, 0));
}

#[apply(on_both_databases)]
async fn an_adjustment_is_made_once_and_never_below_nothing(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let all = join_all((0..10).map(|_| adjust(&app, mia.user_id(), 500, Some("top-up-1")))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(app.balance(&mia).await, (4500, 0));
    assert_eq!(adjust(&app, mia.user_id(), 400, Some("top-up-1")).await, Err(Code::Conflict));
    assert_eq!(adjust(&app, mia.user_id(), -4501, None).await, Err(Code::InvalidInput));
    assert_eq!(adjust(&app, mia.user_id(), Tokens::MAX_BALANCE.0, None).await, Err(Code::InvalidInput));
    assert_eq!(adjust(&app, mia.user_id(), i64::MIN, None).await, Err(Code::InvalidInput));
    assert_eq!(app.balance(&mia).await, (4500, 0));
    adjust(&app, mia.user_id(), -4500, None).await.unwrap();
    assert_eq!(app.balance(&mia).await, (0, 0));
}

#[apply(on_both_databases)]
async fn open_turns_are_bounded_for_each_user(on: On) {
    let app = TestApp::with(on, "turns.open_per_user = 1").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    until(|| async { app.balance(&mia).await == (3900, 100) }).await;
    let second = mia.say("echo", "Hello again").await;
    assert_eq!(second["errors"][0]["code"], "RATE_LIMITED");
    assert_eq!(tom.say("echo", "Me too").await["chat"]["status"], "DONE");
    gate.add_permits(1);
    sending.await.unwrap();
    assert_eq!(mia.say("echo", "Now").await["chat"]["status"], "DONE");
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

async fn adjust(app: &TestApp, user_id: i64, amount: i64, key: Option<&str>) -> Result<i64, Code> {
    let adjustment = Adjustment {
        user_id,
        amount: BalanceChange::By(Tokens(amount)),
        reason: "a test".to_owned(),
        idempotency_key: key.map(str::to_owned),
    };
    let adjusted = admin::adjust_balance(&app.app, Actor::CommandLine, adjustment).await;
    adjusted.map(|balance| balance.tokens.0).map_err(|error| error.code)
}

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let patience = Duration::from_secs(20);
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(patience, holds).await.expect("the condition comes true");
}
