//! What chats would have cost at another price.

use jeton::core::price::Price;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, Service, model, provider};
use crate::support::{Client, On, TestApp, on_both_databases};

const PREVIEW: &str = "query($input: PricePreviewInput!) { it: pricePreview(input: $input) { chats since input output
    cacheRead charged proposed } }";

async fn preview(client: &Client, input: Value) -> Value {
    client.data(PREVIEW, json!({ "input": input })).await["it"].take()
}

#[apply(on_both_databases)]
async fn chats_are_calculated_at_another_price(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "small", &[&double], Price::per_million(300_000, 1_000_000)).await;
    model(&app, "other", &[&double], Price::flat(4)).await;
    let (staff, mia) = (app.staff("sue").await, app.user("mia").await);
    let none = preview(&staff, json!({ "model": "small", "price": { "perMessage": 1 } })).await;
    assert_eq!((&none["chats"], &none["since"], &none["proposed"]), (&json!(0), &Value::Null, &json!(0)));

    // Each reads 7 model tokens and writes 5: 7.1 tokens, rounded up.
    let mut last = Value::Null;
    for _ in 0..3 {
        let said = mia.say("small", "Hello").await;
        assert_eq!(said["chat"]["cost"], 8, "{said}");
        last = said["chat"]["id"].clone();
    }
    let other = mia.say("other", "Hello").await["chat"]["id"].clone();
    let price = json!({ "perMessage": 2, "perMillionInput": 100_000, "perMillionOutput": 100_000 });
    let found = preview(&staff, json!({ "model": "small", "price": price })).await;
    assert!(found["since"].is_string(), "{found}");
    let since = found["since"].clone();
    let expected = json!({ "chats": 3, "since": since, "input": 21, "output": 15, "cacheRead": 0, "charged": 24,
        "proposed": 12 });
    assert_eq!(found, expected, "2 and 1.2 for each chat, rounded up");
    let one = preview(&staff, json!({ "model": "small", "price": price, "chatId": last })).await;
    assert_eq!((&one["chats"], &one["charged"], &one["proposed"]), (&json!(1), &json!(8), &json!(4)));
    let one = preview(&staff, json!({ "model": "small", "price": price, "chatId": other })).await;
    assert_eq!((&one["chats"], &one["charged"], &one["proposed"]), (&json!(1), &json!(4), &json!(4)));

    // Chats of earlier months do not count.
    app.clock.advance(std::time::Duration::from_secs(31 * 24 * 3600));
    let staff = app.staff("sam").await;
    assert_eq!(preview(&staff, json!({ "model": "small", "price": price })).await["chats"], 0);
    for (input, code) in [
        (json!({ "model": "none", "price": price }), "NOT_FOUND"),
        (json!({ "model": "small", "price": { "perMessage": -1 } }), "INVALID_INPUT"),
        (json!({ "model": "small", "price": price, "chatId": "x" }), "NOT_FOUND"),
    ] {
        let answer = staff.graphql(PREVIEW, json!({ "input": input })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    }
}
