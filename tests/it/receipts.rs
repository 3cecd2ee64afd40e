//! Receipts: the cost of a chat follows from its usage and the price at which it was sent, also after the price changed.

use jeton::core::price::Price;
use jeton::domain::pricing;
use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, Step, TestApp, on_both_databases};

const RECEIPT: &str = "query { chatHistory(first: 1) { nodes { cost receipt { total cost hold
    price { model version price { perMessage perMillionInput perMillionOutput per1kInput } }
    lines { part quantity price per amount } } } } }";

async fn newest(client: &Client) -> Value {
    client.data(RECEIPT, json!({})).await["chatHistory"]["nodes"][0].take()
}

#[apply(on_both_databases)]
async fn a_receipt_has_each_part_at_its_price(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let usage = Usage { cache_read: 300, cache_write: 100, reasoning: 20, ..Usage::of(512, 70) };
    app.model.play([Step::Say("ok"), Step::End(Some(usage))]);
    let long: String = "x".repeat(600);
    mia.say("metered", &long).await;
    let chat = newest(&mia).await;
    let line = |part: &str, quantity: u64, price: u64, amount: &str| json!({ "part": part, "quantity": quantity, "price": price, "per": 1_000_000, "amount": amount });
    let lines = json!([
        line("INPUT", 112, 10_000, "1.12"),
        line("CACHE_READ", 300, 10_000, "3"),
        line("CACHE_WRITE", 100, 10_000, "1"),
        line("OUTPUT", 50, 30_000, "1.5"),
        line("REASONING", 20, 30_000, "0.6"),
    ]);
    assert_eq!(chat["receipt"]["lines"], lines);
    assert_eq!((&chat["receipt"]["total"], &chat["receipt"]["cost"]), (&json!("7.22"), &json!(8)));
    let price = json!({ "perMessage": 0, "perMillionInput": 10_000, "perMillionOutput": 30_000, "per1kInput": 10 });
    assert_eq!(chat["receipt"]["price"], json!({ "model": "metered", "version": 1, "price": price }));

    mia.say("echo", "Hello").await;
    let chat = newest(&mia).await;
    let lines = json!([{ "part": "MESSAGE", "quantity": 1, "price": 100, "per": 1, "amount": "100" }]);
    assert_eq!((&chat["receipt"]["lines"], &chat["receipt"]["total"]), (&lines, &json!("100")));
    // What failed before any output was not charged, and what broke off was, by its usage alone.
    app.model.play([Step::Fail]);
    mia.say("scripted", "Hello").await;
    assert_eq!(newest(&mia).await["receipt"], Value::Null);
    app.model.play([Step::Say("Half"), Step::BreakOff]);
    mia.say("scripted", "Hello").await;
    assert_eq!(newest(&mia).await["receipt"]["lines"], json!([]), "a flat price is not due for half an answer");
}

#[apply(on_both_databases)]
async fn a_choice_of_a_call_is_a_message_of_the_receipt_and_a_limit_by_the_hold_is_visible(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 4").await;
    let mia = app.user("mia").await;
    app.model.play([Step::Say("ok"), Step::End(Some(Usage::of(5, 5000)))]);
    mia.say("metered", "Hello").await;
    let chat = newest(&mia).await;
    let receipt = &chat["receipt"];
    assert_eq!((&receipt["total"], &receipt["hold"], &receipt["cost"]), (&json!("150.05"), &json!(4), &json!(4)));
}

#[apply(on_both_databases)]
async fn another_price_is_another_version_on_all_servers_and_old_chats_show_the_old_one(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    mia.say("echo", "Hello").await;
    let first = newest(&mia).await;
    let model = app.app.models().get(Some("echo")).unwrap().clone();
    // Two servers start with the same new price at once, and a third one still has the old one.
    let (two, three) = (app.second_server(), app.second_server());
    let mut dearer = model.clone();
    dearer.price = Price { per_message: 150, ..model.price };
    let (a, b) = tokio::join!(pricing::version_id(&two, &dearer), pricing::version_id(&three, &dearer));
    assert_eq!(a.unwrap(), b.unwrap());
    let stored = pricing::find(&two, pricing::version_id(&two, &dearer).await.unwrap()).await.unwrap();
    assert_eq!((stored.version, stored.per_message), (2, 150));
    mia.say("echo", "Hello again").await;
    assert_eq!(newest(&mia).await["receipt"]["price"]["version"], 1, "this server has not changed its price");
    assert_eq!(newest(&mia).await["receipt"]["price"], first["receipt"]["price"]);
    // A restart with the old price makes a third version: the second one stays what it was.
    let restarted = app.second_server();
    let again = pricing::find(&restarted, pricing::version_id(&restarted, &model).await.unwrap()).await.unwrap();
    assert_eq!((again.version, again.per_message), (3, 100));
}
