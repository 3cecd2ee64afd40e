//! Inputs that are valid, but unusual.

use axum::body::Body;
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::openai_api::asking;
use crate::support::{On, TestApp, on_both_databases};

/// PostgreSQL can't store NUL in a text; a client that sends one gets no server error.
#[apply(on_both_databases)]
async fn a_null_character_is_no_fault_of_the_server(on: On) {
    let app = TestApp::start(on).await;
    let (staff, mia) = (app.staff("operator").await, app.user("mia").await);
    let login =
        "mutation($n: String!) { login(input: {username: $n, password: \"wrong password\"}) { errors { code } } }";
    for (client, document, text) in [
        (&app.anonymous(), login, "a\0b"),
        (&app.anonymous(), login, "\0"),
        (&staff, "query($n: String!) { users(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&staff, "query($n: String!) { chats(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&staff, "query($n: String!) { chats(first: 1, model: $n) { nodes { id } } }", "a\0b"),
        (&mia, "query($n: String!) { chatHistory(first: 1, search: $n) { nodes { id } } }", "a\0b"),
        (&mia, "query($n: String!) { chatHistory(first: 1, after: $n) { nodes { id } } }", "a\0b"),
        (&mia, "mutation($n: String!) { sendMessage(input: {message: $n}) { errors { code } } }", "a\0b"),
        (&mia, "mutation($n: String!) { createConversation(input: {title: $n}) { errors { code } } }", "a\0b"),
        (
            &mia,
            "mutation($n: String!) { createApiKey(input: {name: $n, scopes: [COMPLETIONS]}) { errors { code } } }",
            "a\0b",
        ),
    ] {
        let answer = client.graphql(document, json!({ "n": text })).await;
        assert!(!answer.to_string().contains("INTERNAL"), "{document}: {answer}");
    }
    let response =
        app.anonymous().post("/api/token/", json!({ "username": "a\0b", "password": "wrong password" })).await;
    assert!(matches!(response.status.as_u16(), 400 | 401), "{}", response.text);
    let call = json!({ "model": "ec\0ho", "messages": [{ "role": "user", "content": "Hi\0" }] });
    assert_eq!(mia.post("/v1/chat/completions", call).await.status, 404);
}

/// Local models accept parameters with values that have no effect, in any form.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_is_taken_by_models_in_this_house() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let post = async |more: Value| {
        let mut call = asking("echo", false);
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.post("/v1/chat/completions", call).await
    };
    for more in [
        json!({ "tool_choice": "none" }),
        json!({ "n": 1.0 }),
        json!({ "response_format": { "type": "text" } }),
        json!({ "presence_penalty": 0.0, "frequency_penalty": -0.0, "logprobs": false, "tools": [] }),
        json!({ "parallel_tool_calls": true, "modalities": ["text"] }),
        json!({ "messages": [{ "role": "user", "content": "Hi" }, { "role": "assistant", "content": null },
            { "role": "user", "content": "Hi" }] }),
    ] {
        let answer = post(more.clone()).await;
        assert_eq!(answer.status, 200, "{more}: {}", answer.text);
    }
    for more in [
        json!({ "n": 2 }),
        json!({ "response_format": { "type": "json_object" } }),
        json!({ "tool_choice": "required" }),
    ] {
        assert_eq!(post(more.clone()).await.status, 400, "{more}");
    }
    // A final slash, and a content type in any case.
    let request =
        axum::http::Request::post("/v1/chat/completions/").header("content-type", "Application/JSON; Charset=UTF-8");
    let answer = mia.send(request.body(Body::from(asking("echo", false).to_string())).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let request = axum::http::Request::post("/v1/chat/completions").header("content-type", "application/jsonx");
    assert_eq!(mia.send(request.body(Body::from("{}")).unwrap()).await.status, 415);
    let long = json!({ "messages": [{ "role": "user", "content": "x".repeat(300_000) }] });
    let long = post(long).await.json();
    assert_eq!(
        (&long["error"]["code"], &long["error"]["param"]),
        (&json!("context_length_exceeded"), &json!("messages"))
    );
}

/// Clients do not retry a call with insufficient balance; OpenAI's 429 can be configured for clients that expect it.
#[rstest]
#[case::by_default("", 402)]
#[case::as_openai("v1.insufficient_status = 429\n", 429)]
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_balance_has_the_configured_status(#[case] toml: &str, #[case] status: u16) {
    let app = TestApp::with(On::Sqlite, &format!("{toml}ledger.signup_grant = 50")).await;
    let mia = app.user("mia").await;
    let refused = mia.post("/v1/chat/completions", asking("scripted", false)).await;
    let error = refused.json()["error"].take();
    assert_eq!((refused.status.as_u16(), &error["code"]), (status, &json!("insufficient_quota")));
    assert_eq!(refused.headers["x-should-retry"], "false");
}

/// In the searches of operators no character is a wildcard.
#[apply(on_both_databases)]
async fn searches_of_operators_mean_what_they_say(on: On) {
    let app = TestApp::start(on).await;
    let staff = app.staff("operator").await;
    for name in ["a_b", "axb", "Über", "a-b.c"] {
        app.user(name).await;
    }
    let found = async |search: &str| {
        let document = "query($s: String!) { users(search: $s) { nodes { username } } }";
        let users = staff.data(document, json!({ "s": search })).await["users"]["nodes"].take();
        let mut names: Vec<_> =
            users.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(found("a_b").await, ["a_b"]);
    assert_eq!(found("_").await, ["a_b"]);
    assert_eq!(found("%").await, Vec::<String>::new());
    assert_eq!(found("\\").await, Vec::<String>::new());
    assert_eq!(found("ÜBER").await, ["Über"]);
    let mia = app.user("mia").await;
    for name in ["Prod_1", "Prodx1"] {
        let create =
            "mutation($n: String!) { createApiKey(input: {name: $n, scopes: [COMPLETIONS]}) { errors { code } } }";
        mia.data(create, json!({ "n": name })).await;
    }
    let keys = "query($s: String!) { userApiKeys(search: $s) { nodes { name } } }";
    let keys = staff.data(keys, json!({ "s": "prod_" })).await;
    assert_eq!(keys["userApiKeys"]["nodes"], json!([{ "name": "Prod_1" }]));
}

/// A document that skips all its selections has empty data, and no error.
#[tokio::test(flavor = "multi_thread")]
async fn what_skips_everything_has_empty_data() {
    let app = TestApp::start(On::Sqlite).await;
    let answer =
        app.anonymous().graphql("query($no: Boolean!) { me @include(if: $no) { id } }", json!({ "no": false })).await;
    assert_eq!(answer, json!({ "data": {} }));
}

/// The example in the API's description contains no idempotency key: sent verbatim, each message would be a duplicate.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_was_not_filled_in_is_no_idempotency_key() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let document = mia.get("/api/openapi.json").await.json();
    let key = document.pointer("/paths/~1api~1chat~1/post/parameters/0/example").unwrap().as_str().unwrap();
    for (path, body) in [("/api/chat/", json!({ "message": "Hi" })), ("/v1/chat/completions", asking("echo", false))] {
        let request = axum::http::Request::post(path)
            .header("authorization", format!("Bearer {}", mia.access.clone().unwrap()))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let refused = app.anonymous().send(request.body(Body::from(body.to_string())).unwrap()).await;
        assert!(refused.status == 400 && refused.text.contains("unfilled"), "{path}: {}", refused.text);
    }
    assert_eq!(app.balance(&mia).await, (4000, 0));
}
