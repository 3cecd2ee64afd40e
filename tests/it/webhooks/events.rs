//! What is an event, with its payload, and what is none.

use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::webhook::Outages;
use jeton::infra::entity::webhook::Event;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{LOCAL, all_events, deliveries, webhook};
use crate::support::{On, Step, TestApp, on_both_databases};

/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9/";

/// Returns the events so far: types and data.
async fn events(app: &TestApp) -> Vec<(String, Value)> {
    let payload = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let rows = deliveries(&app.app).await.into_iter().map(|row| payload(&row.payload));
    rows.map(|mut body| (body["type"].as_str().unwrap().to_owned(), body["data"].take())).collect()
}

async fn adjust(app: &TestApp, user: &crate::support::Client, amount: i64) {
    let adjustment = Adjustment {
        user_id: user.user_id(),
        amount: BalanceChange::By(Tokens(amount)),
        reason: "a reason".to_owned(),
        idempotency_key: None,
    };
    admin::adjust_balance(&app.app, Actor::CommandLine, adjustment).await.unwrap();
}

#[apply(on_both_databases)]
async fn without_a_webhook_nothing_is_written(on: On) {
    let app = TestApp::with(on, "notices.low_balance = 500\nledger.signup_grant = 550").await;
    let mia = app.user("mia").await;
    app.model.play([Step::Fail]);
    mia.say("scripted", "fails").await;
    mia.say("echo", "makes the balance low").await;
    adjust(&app, &mia, 1000).await;
    assert_eq!(events(&app).await, []);
    // Nor for one that receives other events.
    webhook(&app.app, "other", "https://hooks.example/", &[Event::ProviderDown]).await;
    adjust(&app, &mia, -1000).await;
    assert_eq!(events(&app).await, []);
}

#[apply(on_both_databases)]
async fn events_have_their_payloads(on: On) {
    let app = TestApp::with(on, &format!("{LOCAL}\nnotices.low_balance = 400\nledger.signup_grant = 550")).await;
    webhook(&app.app, "hook", NOWHERE, &all_events()).await;
    let mia = app.user("mia").await;
    let id = mia.user_id().0;
    app.model.play([Step::Say("secret words"), Step::Fail]);
    let failed = mia.say("scripted", "a question that stays here").await;
    assert!(failed["errors"][0]["code"].is_string(), "{failed}");
    mia.say("echo", "450").await;
    mia.say("echo", "350").await;
    mia.say("echo", "250").await;
    adjust(&app, &mia, 300).await;
    adjust(&app, &mia, -500).await;
    let found = events(&app).await;
    let chat = found[1].1["chat_id"].clone();
    assert!(chat.is_i64());
    let expected = [
        (
            "user.created",
            json!({ "user_id": id, "username": "mia", "staff": false, "superuser": false, "tokens": 550,
                    "by_operator": true }),
        ),
        (
            "chat.failed",
            json!({ "chat_id": chat, "model": "scripted", "status": "FAILED", "error_code": "PROVIDER_UNAVAILABLE",
                    "cost": 0, "user_id": id, "username": "mia" }),
        ),
        ("balance.low", json!({ "tokens": 350, "threshold": 400, "user_id": id, "username": "mia" })),
        ("balance.adjusted", json!({ "amount": 300, "tokens": 550, "user_id": id, "username": "mia" })),
        ("balance.adjusted", json!({ "amount": -500, "tokens": 50, "user_id": id, "username": "mia" })),
        ("balance.low", json!({ "tokens": 50, "threshold": 400, "user_id": id, "username": "mia" })),
    ];
    assert_eq!(found, expected.map(|(ty, data)| (ty.to_owned(), data)));
    assert!(
        deliveries(&app.app).await.iter().all(|row| !row.payload.contains("words") && !row.payload.contains("here"))
    );
}

#[apply(on_both_databases)]
async fn many_adjustments_are_an_event_each_and_a_registration_is_one(on: On) {
    let app = TestApp::with(on, &format!("{LOCAL}\nnotices.low_balance = 0")).await;
    let (one, _) = (app.user("one").await, app.user("two").await);
    let staff = app.staff("operator").await;
    webhook(&app.app, "hook", NOWHERE, &all_events()).await;
    let adjust = "mutation($ids: Int!) { adjustBalances(input: {filter: {search: \"\"}, expectedCount: $ids, amount: 5, \
                  reason: \"gift\", idempotencyKey: \"k\"}) { adjusted errors { message } } }";
    let adjusted = staff.data(adjust, json!({ "ids": 3 })).await;
    assert_eq!(adjusted["adjustBalances"]["adjusted"], 2, "{adjusted}");
    staff.data(adjust, json!({ "ids": 3 })).await;
    let found = events(&app).await;
    assert_eq!(found.len(), 2, "a retry is no event: {found:?}");
    assert!(found.iter().all(|(ty, data)| ty == "balance.adjusted" && data["amount"] == 5));
    let register = "mutation { register(input: {username: \"kim\", password: \"tr0ub4dor&3-staple\"}) { user { username } \
                    errors { message } } }";
    app.anonymous().data(register, json!({})).await;
    let (ty, data) = events(&app).await.pop().unwrap();
    assert_eq!((ty.as_str(), &data["by_operator"]), ("user.created", &json!(false)));
    drop(one);
}

#[apply(on_both_databases)]
async fn a_chat_of_a_dead_server_failed(on: On) {
    let app = TestApp::with(on, LOCAL).await;
    let mia = app.user("mia").await;
    webhook(&app.app, "hook", NOWHERE, &[Event::ChatFailed]).await;
    app.model.play([Step::Hang]);
    let start = "mutation { startMessage(input: {message: \"open\", model: \"scripted\"}) { chat { id } } }";
    mia.data(start, json!({})).await;
    app.clock.advance(std::time::Duration::from_secs(31));
    assert_eq!(jeton::domain::chat::sweep(&app.app).await.unwrap(), 1);
    let [(ty, data)] = events(&app).await.try_into().unwrap();
    assert_eq!(
        (ty.as_str(), &data["status"], &data["username"]),
        ("chat.failed", &json!("INTERRUPTED"), &json!("mia"))
    );
    app.app.stopping.cancel();
}

#[apply(on_both_databases)]
async fn a_failed_transaction_leaves_no_event(on: On) {
    let app = TestApp::with(on, LOCAL).await;
    let mia = app.user("mia").await;
    webhook(&app.app, "hook", NOWHERE, &all_events()).await;
    let too_much = Adjustment {
        user_id: mia.user_id(),
        amount: BalanceChange::By(Tokens(-1_000_000_000)),
        reason: "a reason".to_owned(),
        idempotency_key: None,
    };
    assert!(admin::adjust_balance(&app.app, Actor::CommandLine, too_much).await.is_err());
    assert_eq!(events(&app).await, []);
}

#[apply(on_both_databases)]
async fn an_outage_is_one_event_whatever_the_number_of_servers(on: On) {
    let dead = crate::support::openai(&["http://127.0.0.1:9/v1"], 0);
    let app = TestApp::with_provider(on, LOCAL, std::sync::Arc::new(dead)).await;
    let mia = app.user("mia").await;
    webhook(&app.app, "hook", NOWHERE, &[Event::ProviderDown, Event::ProviderRecovered]).await;
    let second = app.second_server();
    jeton::domain::webhook::refresh(&second).await.unwrap();
    let (mut here, mut there) = (Outages::default(), Outages::default());
    here.look(&app.app).await.unwrap();
    assert_eq!(events(&app).await, []);
    for _ in 0..5 {
        mia.say("upstream", "Hello").await;
    }
    // The other server notices the same: here by the same breaker.
    here.look(&app.app).await.unwrap();
    let mut again = Outages::default();
    again.look(&app.app).await.unwrap();
    there.look(&second).await.unwrap();
    here.look(&app.app).await.unwrap();
    let down = events(&app).await;
    let models: Vec<_> = down.iter().map(|(ty, data)| (ty.as_str(), data["model"].as_str().unwrap())).collect();
    // Three models of the fixture have this provider.
    let expected = [("provider.down", "by_image"), ("provider.down", "by_unit"), ("provider.down", "upstream")];
    assert_eq!(models, expected);
    assert_eq!(down[0].1, json!({ "model": "by_image", "upstream": 1, "provider": null }));
}
