//! Registering: names, passwords, and who may.

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, TestApp};

const REGISTER: &str = "mutation($name: String!, $password: String!) {
    register(input: {username: $name, password: $password}) {
        accessToken user { username isStaff balance { tokens held } } errors { code message field } } }";

async fn register(client: &Client, name: &str, password: &str) -> Value {
    client.data(REGISTER, json!({ "name": name, "password": password })).await["register"].take()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_has_its_grant_and_is_logged_in(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let new = register(&app.anonymous(), " Mia ", PASSWORD).await;
    assert_eq!(new["errors"], json!([]));
    let expected = json!({ "username": "Mia", "isStaff": false, "balance": { "tokens": 4000, "held": 0 } });
    assert_eq!(new["user"], expected);
    let mut mia = app.anonymous();
    mia.access = new["accessToken"].as_str().map(str::to_owned);
    let entries = mia.data("{ ledgerHistory { totalCount nodes { reason amount balanceAfter } } }", json!({})).await;
    let expected = json!({ "totalCount": 1,
        "nodes": [{ "reason": "SIGNUP_GRANT", "amount": 4000, "balanceAfter": 4000 }] });
    assert_eq!(entries["ledgerHistory"], expected);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_named_in_one_answer(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let refused = register(&app.anonymous(), "  ", "short").await;
    let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["username", "password"]);
    assert_eq!(refused["user"], Value::Null);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_alike_are_one_name(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    for (first, second) in [("Mia", "mIA"), ("éva", "E\u{301}VA"), ("Straße", "strasse"), ("ﬁnn", "FINN")] {
        assert_eq!(register(&app.anonymous(), first, PASSWORD).await["errors"], json!([]), "{first}");
        let taken = register(&app.anonymous(), second, PASSWORD).await;
        assert_eq!(taken["errors"][0]["field"], "username", "{second}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_register_a_name_at_once_one_gets_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let all = join_all((0..10).map(|_| {
        let nobody = app.anonymous();
        async move { register(&nobody, "mia", PASSWORD).await }
    }))
    .await;
    assert_eq!(all.iter().filter(|answer| answer["errors"] == json!([])).count(), 1);
    let taken = json!([{ "code": "INVALID_INPUT", "message": "user with this username already exists.",
        "field": "username" }]);
    assert_eq!(all.iter().filter(|answer| answer["errors"] == taken).count(), 9);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn registration_can_be_closed(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::with(on, "auth.registration = 'closed'").await;
    assert_eq!(register(&app.anonymous(), "mia", PASSWORD).await["errors"][0]["code"], "FORBIDDEN");
}
