//! INSUFFICIENT_TOKENS carries what is required and what is available.

use jeton::infra::ai::echo::Echo;
use rstest_reuse::apply;
use serde_json::json;

use crate::api_keys::with_key;
use crate::support::{On, TestApp, on_both_databases};

const SEND: &str = "mutation($model: String!, $message: String!) {
    sendMessage(input: {model: $model, message: $message}) { errors { code required available } } }";

#[apply(on_both_databases)]
async fn what_is_missing_is_named_on_each_transport_that_may(on: On) {
    // The model `by_unit` costs a prepaid token for each character.
    let app = TestApp::with_provider(on, "ledger.signup_grant = 30", std::sync::Arc::new(Echo)).await;
    let mia = app.user("mia").await;
    let flat = mia.data(SEND, json!({ "model": "echo", "message": "x" })).await["sendMessage"]["errors"].take();
    assert_eq!(flat, json!([{ "code": "INSUFFICIENT_TOKENS", "required": 100, "available": 30 }]));
    // The input, and an output of one model token: with that much it is accepted.
    let message = "x".repeat(30);
    let metered = mia.data(SEND, json!({ "model": "by_unit", "message": message })).await["sendMessage"].take();
    assert_eq!(metered["errors"], json!([{ "code": "INSUFFICIENT_TOKENS", "required": 31, "available": 30 }]));
    let fits = mia.data(SEND, json!({ "model": "by_unit", "message": &message[1..] })).await["sendMessage"].take();
    assert_eq!(fits["errors"], json!([]));
    assert_eq!(app.balance(&mia).await, (0, 0));
    // Other errors have no such numbers.
    let wrong = mia.data(SEND, json!({ "model": "none", "message": "x" })).await["sendMessage"]["errors"].take();
    assert_eq!(wrong, json!([{ "code": "INVALID_INPUT", "required": null, "available": null }]));
    // The REST route keeps its body.
    let rest = mia.post("/api/chat/", json!({ "message": "x" })).await;
    assert_eq!((rest.status.as_u16(), rest.text.as_str()), (402, r#"{"error":"Insufficient tokens"}"#));
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "x" }] });
    let v1 = mia.post("/v1/chat/completions", call.clone()).await;
    let expected = json!({ "error": {
        "message": "Insufficient tokens.", "type": "insufficient_quota", "param": null, "code": "insufficient_quota",
        "required": 100, "available": 0,
    } });
    assert_eq!((v1.status.as_u16(), v1.json()), (402, expected));
    // The limit of an API key, which is lower than the balance.
    let app = TestApp::start(on).await;
    let tom = app.user("tom").await;
    let (key, _) = with_key(&tom, json!({ "name": "k", "spendingLimit": { "total": 150 } })).await;
    assert_eq!(key.post("/v1/chat/completions", call.clone()).await.status, 200);
    let refused = key.post("/v1/chat/completions", call).await.json()["error"].take();
    assert_eq!((&refused["required"], &refused["available"]), (&json!(100), &json!(50)));
}
