//! Estimates: the hold's own rule, before a message is sent.

use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{conversation, send};
use crate::api_keys::with_key;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const ESTIMATE: &str = "query($input: EstimateMessageInput!) {
    estimateMessage(input: $input) { expected hold available affordable } }";

async fn estimate(client: &Client, input: &Value) -> Value {
    client.data(ESTIMATE, json!({ "input": input })).await["estimateMessage"].take()
}

/// For messages, models and balances of all sizes: the hold is exactly what was estimated, and nothing costs more.
#[apply(on_both_databases)]
async fn the_hold_is_the_estimated_one_and_no_cost_exceeds_it(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1500").await;
    let mut random = 12_345_u64;
    let mut next = |below: u64| {
        // A linear congruential generator: the same numbers in every run.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut seen = [0, 0];
    for round in 0..12 {
        let user = app.user(&format!("user{round}")).await;
        let talk = conversation(&user).await;
        let mut last = Value::Null;
        for _ in 0..8 {
            let model = ["echo", "metered", "by_unit", "scripted"][usize::try_from(next(4)).unwrap()];
            let longest = if next(3) == 0 { 1500 } else { 40 };
            let length = usize::try_from(1 + next(longest)).unwrap();
            let mut input = json!({ "message": "x".repeat(length), "model": model });
            if next(2) == 0 {
                input["conversationId"] = talk.clone();
            }
            let told = estimate(&user, &input).await;
            let (tokens, _) = app.balance(&user).await;
            assert_eq!(told["available"], tokens);
            assert!(told["expected"].as_i64() <= told["hold"].as_i64(), "{told}");
            if ["metered", "scripted"].contains(&model) {
                // The script of a rejected message is not played.
                if told["affordable"] == true {
                    let usage = Usage::of(1 + next(3000), 1 + next(2000));
                    app.model.play([Step::Say("some text"), Step::End(Some(usage))]);
                }
            }
            let query = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
                chat { id hold cost } errors { code required available } } }";
            let sent = user.data(query, json!({ "input": input })).await["sendMessage"].take();
            if told["affordable"] == true {
                assert_eq!(sent["chat"]["hold"], told["hold"], "{told} {sent}");
                assert!(sent["chat"]["cost"].as_i64() <= told["hold"].as_i64(), "{told} {sent}");
                last = sent["chat"]["id"].clone();
                seen[0] += 1;
            } else {
                let error = &sent["errors"][0];
                assert_eq!(error["code"], "INSUFFICIENT_TOKENS", "{told} {sent}");
                assert_eq!((&error["required"], &error["available"]), (&told["hold"], &told["available"]));
                seen[1] += 1;
            }
        }
        // Replacing reads the context of the replaced chat, and its model.
        if !last.is_null() {
            let told = estimate(&user, &json!({ "message": "Again", "replacesId": last })).await;
            let query = "mutation($id: ID!) {
                editMessage(input: {chatId: $id, message: \"Again\"}) { chat { hold } errors { code } } }";
            let sent = user.data(query, json!({ "id": last })).await["editMessage"].take();
            app.settled().await;
            if told["affordable"] == true {
                assert_eq!(sent["chat"]["hold"], told["hold"], "{told} {sent}");
            } else {
                assert_eq!(sent["errors"][0]["code"], "INSUFFICIENT_TOKENS");
            }
        }
    }
    assert!(seen[0] > 20 && seen[1] > 5, "{seen:?}");
}

#[apply(on_both_databases)]
async fn an_estimate_reserves_nothing_and_expects_what_was_usual(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let input = json!({ "message": "Hello", "model": "metered" });
    // 5 model tokens of input and 300 of output cost 9.05; all 1024 cost 30.77.
    let unknown = estimate(&mia, &input).await;
    assert_eq!(unknown, json!({ "expected": 10, "hold": 31, "available": 4000, "affordable": true }));
    assert_eq!((app.balance(&mia).await, app.model.heard().len()), ((4000, 0), 0));
    for output in [50, 150] {
        app.model.play([Step::Say("ok"), Step::End(Some(Usage::of(5, output)))]);
        mia.say("metered", "Hello").await;
    }
    // 100 of output are usual now.
    assert_eq!(estimate(&mia, &input).await["expected"], 4);
    let flat = estimate(&mia, &json!({ "message": "Hello" })).await;
    assert_eq!((&flat["expected"], &flat["hold"]), (&json!(100), &json!(100)));
    let id = conversation(&mia).await;
    send(&mia, &id, "Hi").await;
    let code = async |input: Value| mia.code(ESTIMATE, json!({ "input": input })).await;
    assert_eq!(code(json!({ "message": " " })).await, "INVALID_INPUT");
    assert_eq!(code(json!({ "message": "x", "model": "none" })).await, "INVALID_INPUT");
    assert_eq!(code(json!({ "message": "x".repeat(32_001) })).await, "INVALID_INPUT");
    // The limit of an API key counts too, and so do the models that it allows.
    let key = json!({ "name": "k", "scopes": ["READ"], "models": ["metered"], "spendingLimit": { "total": 2 } });
    let (key, _) = with_key(&mia, key).await;
    let of_key = estimate(&key, &input).await;
    assert_eq!((&of_key["available"], &of_key["hold"], &of_key["affordable"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!(key.code(ESTIMATE, json!({ "input": { "message": "x", "model": "echo" } })).await, "INVALID_INPUT");
}

/// Typing uses up no messages, and is bounded by itself.
#[apply(on_both_databases)]
async fn estimates_have_a_rate_of_their_own(on: On) {
    let limits = "limits.messages_per_minute_per_user = 2\nlimits.estimates_per_minute_per_user = 3";
    let app = TestApp::with(on, limits).await;
    let mia = app.user("mia").await;
    for _ in 0..3 {
        estimate(&mia, &json!({ "message": "x" })).await;
    }
    assert_eq!(mia.code(ESTIMATE, json!({ "input": { "message": "x" } })).await, "RATE_LIMITED");
    for _ in 0..2 {
        assert_eq!(mia.say("echo", "x").await["errors"], json!([]));
    }
    assert_eq!(mia.say("echo", "x").await["errors"][0]["code"], "RATE_LIMITED");
}
