//! Images in the input, which have a price of their own.

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Does, app_with, upstream};
use crate::support::{Client, On, on_both_databases};

const CHAT: &str = "query { chatHistory(first: 1) { nodes { status cost hold usage { input images }
    receipt { total lines { part quantity price per amount } } } } }";

async fn newest(client: &Client) -> Value {
    client.data(CHAT, json!({})).await["chatHistory"]["nodes"][0].take()
}

fn with_images(count: usize) -> Value {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let mut content = vec![json!({ "type": "text", "text": "What is this?" })];
    content.extend(std::iter::repeat_n(image, count));
    json!({ "model": "by_image", "messages": [{ "role": "user", "content": content }] })
}

#[apply(on_both_databases)]
async fn each_image_is_charged_once_the_call_is_answered(on: On) {
    let answer = json!({ "choices": [{ "index": 0, "message": { "content": "A cat." }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 3 } });
    let (url, _) = upstream(Does::Say(200, answer.to_string())).await;
    let app = app_with(on, "ledger.signup_grant = 240", &[&url]).await;
    let mia = app.user("mia").await;
    assert_eq!(mia.post("/v1/chat/completions", with_images(3)).await.status, 200);
    let chat = newest(&mia).await;
    assert_eq!((&chat["cost"], &chat["hold"]), (&json!(121), &json!(121)));
    assert_eq!(chat["usage"], json!({ "input": 900, "images": 3 }));
    let line = |part: &str, quantity: u64, price: u64, amount: &str| json!({ "part": part, "quantity": quantity, "price": price, "per": 1, "amount": amount });
    assert_eq!(chat["receipt"]["lines"], json!([line("MESSAGE", 1, 100, "100"), line("IMAGE", 3, 7, "21")]));
    // 119 tokens are left: two images can be paid for, three can't.
    let refused = mia.post("/v1/chat/completions", with_images(3)).await;
    assert_eq!(refused.status, 402, "{}", refused.text);
    assert_eq!(mia.post("/v1/chat/completions", with_images(2)).await.status, 200);
    assert_eq!(app.balance(&mia).await, (5, 0));
    // A message has no images, and costs nothing for them.
    let models = mia.get("/v1/models").await.json();
    let of_images = models["data"].as_array().unwrap().iter().find(|model| model["id"] == "by_image").unwrap();
    assert_eq!(of_images["price"]["per_image"], 7);
}

#[apply(on_both_databases)]
async fn images_of_a_failed_call_cost_nothing(on: On) {
    let (url, _) = upstream(Does::Say(500, String::new())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    assert_eq!(mia.post("/v1/chat/completions", with_images(3)).await.status, 503);
    assert_eq!((newest(&mia).await["cost"].take(), app.balance(&mia).await), (json!(0), (4000, 0)));
}
