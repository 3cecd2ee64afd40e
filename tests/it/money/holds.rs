//! Holds: concurrent messages, retries, crashes and deleted accounts.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use jeton::domain::chat;
use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::until;
use crate::support::{On, Step, TestApp, on_both_databases};

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
async fn messages_at_both_kinds_of_price_at_once_cost_what_each_would_alone(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 200").await;
    let (mia, tom, zoe) = (app.user("mia").await, app.user("tom").await, app.user("zoe").await);
    app.model.play([Step::Say("Forty-two."), Step::End(Some(Usage::of(12, 500)))]);
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
async fn the_text_of_a_chat_that_a_shutdown_interrupts_stays(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = Arc::new(Semaphore::new(1));
    app.model.play([Step::Say("Half"), Step::Wait(gate.clone()), Step::Hang]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    // The turn has taken the text before it asks for more.
    until(|| async { gate.available_permits() == 0 }).await;
    app.app.stopping.cancel();
    let sent = sending.await.unwrap();
    assert_eq!(sent["chat"]["status"], "INTERRUPTED");
    assert_eq!((&sent["chat"]["response"], &sent["chat"]["cost"]), (&json!("Half"), &json!(0)));
    assert_eq!(sent["balance"], json!({ "tokens": 4000, "held": 0 }));
}

#[apply(on_both_databases)]
async fn of_chats_that_end_together_those_that_were_swept_spoil_none(on: On) {
    // No lease is renewed between the change of the clock and the sweep.
    let app = TestApp::with(on, "turns.save_interval = '15s'").await;
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
