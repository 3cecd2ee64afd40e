//! Errors: statuses, codes and messages.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Does, app_with, asking, chats, parts, piece, post_raw, upstream};
use crate::api_keys::with_key;
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn each_trouble_has_its_status_and_costs_nothing(on: On) {
    let error = |message: &str| json!({ "error": { "message": message, "type": "x", "code": "y" } }).to_string();
    for (does, stream, status, code) in [
        (Does::Say(400, error("tools[0] is wrong")), false, 400, json!("y")),
        (Does::Say(400, error("tools[0] is wrong")), true, 400, json!("y")),
        (Does::Say(401, error("sk-secret is wrong")), false, 502, json!("upstream_error")),
        (Does::Say(500, error("oh")), true, 503, json!("model_unavailable")),
        (Does::Say(429, error("slow down")), false, 503, json!("model_unavailable")),
        (Does::Say(200, "no json".to_owned()), false, 503, json!("model_unavailable")),
        (Does::Stream(Duration::ZERO, vec![]), true, 503, json!("model_unavailable")),
        (Does::Hang(vec![]), true, 504, json!("timeout")),
    ] {
        let (url, _) = upstream(does).await;
        let app = app_with(on, "turns.first_chunk_timeout = '300ms'", &[&url]).await;
        let mia = app.user("mia").await;
        let refused = mia.post("/v1/chat/completions", asking("by_unit", stream)).await;
        let response = refused.json();
        assert_eq!((refused.status.as_u16(), &response["error"]["code"]), (status, &code), "{response}");
        assert!(!refused.text.contains("sk-secret"));
        if status == 400 {
            assert_eq!(refused.text, error("tools[0] is wrong"), "as the upstream said it");
            assert_eq!(chats(&mia).await[0]["error"]["message"], "The language model rejected the message.");
        }
        assert_eq!(app.balance(&mia).await, (4000, 0), "{response}");
    }
    // Midway: the error is in the stream, and the generated output is charged.
    let (url, _) = upstream(Does::Stream(Duration::ZERO, vec![piece("tiktoken is great!")])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let response = mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let (events, done) = parts(&response.text);
    assert!(!done && events.last().unwrap()["error"]["code"] == "model_unavailable", "{events:?}");
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["status"], &chat["usage"]["output"]), (&json!("FAILED"), &json!(6)));
    assert!(chat["cost"].as_i64().unwrap() > 6);
}

#[apply(on_both_databases)]
async fn callers_are_told_what_they_lack(on: On) {
    let app = TestApp::with(on, "limits.messages_per_minute_per_key = 3\nv1.max_body_bytes = 5000").await;
    let mia = app.user("mia").await;
    let (program, _) = with_key(&mia, json!({ "name": "k" })).await;
    let anonymous = app.anonymous();
    for (client, path) in [(&anonymous, "/v1/models"), (&anonymous, "/v1/models/echo")] {
        assert_eq!(client.get(path).await.json()["error"]["code"], "invalid_api_key");
    }
    let refused = anonymous.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let refused = program.post("/v1/chat/completions", asking("none", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(program.get("/v1/nothing").await.json()["error"]["code"], "unknown_url");
    assert_eq!(program.get("/v1/chat/completions").await.status, 405);
    let large = format!("{{\"model\":\"echo\",\"x\":\"{}\"}}", "x".repeat(6000));
    assert_eq!(post_raw(&program, &large, &[]).await.status, 413);
    assert_eq!(post_raw(&program, "{}", &[("idempotency-key", "with space")]).await.status, 400);
    let form = Request::post("/v1/chat/completions").header("content-type", "text/plain");
    assert_eq!(program.send(form.body(Body::from("{}")).unwrap()).await.status, 415);

    for _ in 0..3 {
        assert_eq!(program.post("/v1/chat/completions", asking("echo", false)).await.status, 200);
    }
    let refused = program.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert!(refused.headers.contains_key("retry-after") && !refused.headers.contains_key("x-should-retry"));

    let staff = app.staff("operator").await;
    let adjust =
        "mutation($id: ID!) { adjustBalance(input: {userId: $id, amount: -3650, reason: \"x\"}) { errors { code } } }";
    staff.data(adjust, json!({ "id": mia.global_id().await })).await;
    let refused = mia.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    assert_eq!(refused.headers["x-should-retry"], "false");
}

/// The codes are OpenAI's own, and so are the messages that clients parse.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_member_has_its_code() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    for (name, value, code, message) in [
        (
            "temperature",
            json!("hot"),
            "invalid_type",
            "Invalid type for 'temperature': expected a number, but got a string instead.",
        ),
        ("stream", json!("yes"), "invalid_type", "expected true or false, but got a string"),
        (
            "max_tokens",
            json!(-1),
            "invalid_type",
            "expected a whole number that is not negative, but got another number",
        ),
        ("seed", json!([1]), "invalid_type", "expected a whole number, but got a list"),
        ("model", json!({}), "invalid_type", "expected a string, but got an object"),
        ("stop", json!(1), "invalid_type", "expected a string or a list of strings, but got another number"),
        ("model", Value::Null, "missing_required_parameter", "Missing required parameter: 'model'."),
        ("messages", Value::Null, "missing_required_parameter", "Missing required parameter: 'messages'."),
        ("messages", json!([]), "empty_array", "`messages` is empty."),
        ("max_tokens", json!(0), "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
        ("temperature", json!(2.5), "decimal_above_max_value", "Expected a value <= 2, but got 2.5 instead."),
        ("top_p", json!(-0.5), "decimal_below_min_value", "Expected a value >= 0, but got -0.5 instead."),
        ("n", json!(2), "unsupported_value", "`n`"),
        ("stop", json!(vec!["a"; 50]), "invalid_value", "`stop` has at most"),
        ("tools", json!([{ "type": "function" }]), "unsupported_parameter", "`tools` is not supported"),
    ] {
        let mut call = asking("echo", false);
        call[name] = value;
        let refused = mia.post("/v1/chat/completions", call).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status.as_u16(), &error["param"], &error["code"]),
            (400, &json!(name), &json!(code)),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
}
