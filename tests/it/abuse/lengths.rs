//! Inputs that are too long: rejected by their length, before any work.

use rstest_reuse::apply;
use serde_json::json;

use crate::support::{On, PASSWORD, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn what_is_too_long_is_rejected_by_its_length(on: On) {
    let app = TestApp::start(on).await;
    let (anonymous, mia, root) = (app.anonymous(), app.user("mia").await, app.superuser("root").await);
    let (long, name) = ("x".repeat(500_000), "\u{fdfa}".repeat(160_000));
    // Registering and logging in.
    let body = json!({ "username": name, "password": &long[..250_000], "password2": &long[..250_000] });
    let answer = anonymous.post("/api/register/", body).await;
    assert_eq!(
        answer.text,
        r#"{"username":["Ensure this field has no more than 50 characters."],"password":["Ensure this password has no more than 256 characters."]}"#
    );
    let register = "mutation($n: String!, $p: String!) {
        register(input: {username: $n, password: $p}) { errors { field message } } }";
    let response = anonymous.data(register, json!({ "n": name, "p": "x".repeat(300) })).await;
    let expected = json!([
        { "field": "username", "message": "Use at most 50 characters." },
        { "field": "password", "message": "Use at most 256 characters." },
    ]);
    assert_eq!(response["register"]["errors"], expected);
    let create = "mutation($n: String!, $p: String!) {
        createUser(input: {username: $n, password: $p}) { errors { field message } } }";
    let response = root.data(create, json!({ "n": name, "p": "x".repeat(300) })).await;
    assert_eq!(response["createUser"]["errors"], expected);
    assert_eq!(anonymous.post("/api/token/", json!({ "username": "mia", "password": long })).await.status, 401);
    // Passwords of authenticated users.
    let change = "mutation($o: String!, $n: String!) {
        changePassword(input: {oldPassword: $o, newPassword: $n}) { errors { field } } }";
    for (old, new, field) in [(long.as_str(), PASSWORD, "oldPassword"), (PASSWORD, &long, "newPassword")] {
        let response = mia.data(change, json!({ "o": old, "n": new })).await;
        assert_eq!(response["changePassword"]["errors"], json!([{ "field": field }]));
    }
    let delete = "mutation($p: String!) { deleteAccount(input: {password: $p}) { deletedId errors { field } } }";
    let response = mia.data(delete, json!({ "p": long })).await;
    assert_eq!(response["deleteAccount"]["errors"], json!([{ "field": "password" }]));
    // Tokens and keys.
    let refresh = anonymous.post("/api/token/refresh/", json!({ "refresh": long })).await;
    assert_eq!((refresh.status.as_u16(), refresh.json()["code"].as_str()), (401, Some("token_not_valid")));
    let rotate = "mutation($t: String!) { refreshToken(input: {refreshToken: $t}) { errors { code } } }";
    let response = anonymous.data(rotate, json!({ "t": long })).await;
    assert_eq!(response["refreshToken"]["errors"], json!([{ "code": "UNAUTHENTICATED" }]));
    for token in [format!("jt-{long}"), long.clone()] {
        let mut client = anonymous.clone();
        client.access = Some(token);
        assert_eq!(client.get("/api/user/profile/").await.json()["code"], "token_not_valid");
        assert_eq!(client.get("/v1/models").await.status, 401);
        assert_eq!(client.post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);
    }
    // Searches.
    for query in [
        "query($s: String!) { users(search: $s) { totalCount } }",
        "query($s: String!) { userApiKeys(search: $s) { totalCount } }",
        "query($s: String!) { chats(search: $s) { totalCount } }",
        "query($s: String!) { chatHistory(search: $s) { totalCount } }",
    ] {
        for search in [&name, &long] {
            assert_eq!(root.code(query, json!({ "s": search })).await, "INVALID_INPUT", "{query}");
        }
        root.data(query, json!({ "s": "mia" })).await;
    }
    // Names of other objects.
    let key = "mutation($m: [String!]) { createApiKey(input: {name: \"k\", models: $m}) { errors { message } } }";
    let response = mia.data(key, json!({ "m": vec!["nonsense"; 900] })).await;
    assert!(response["createApiKey"]["errors"].as_array().unwrap().len() <= 101, "{response}");
    let title = "mutation($t: String!) { createConversation(input: {title: $t}) { errors { field } } }";
    let response = mia.data(title, json!({ "t": "a ".repeat(200_000) })).await;
    assert_eq!(response["createConversation"]["errors"], json!([{ "field": "title" }]));
}
