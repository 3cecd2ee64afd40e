//! What the pages of an account need: honest refusals, and changes that another process makes.

use std::time::{Duration, Instant};

use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange, UserUpdate};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::socket::{Event, Events};
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

async fn log_in(client: &Client, name: &str, password: &str) -> Value {
    let query = "mutation($name: String!, $password: String!) {
        login(input: {username: $name, password: $password}) { accessToken errors { code message } } }";
    client.data(query, json!({ "name": name, "password": password })).await["login"].take()
}

#[apply(on_both_databases)]
async fn a_deactivated_user_is_told_so_with_the_right_password_only(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let change = UserUpdate { active: Some(false), ..Default::default() };
    admin::update(&app.app, Actor::CommandLine, mia.user_id(), change).await.unwrap();
    let anonymous = app.anonymous();
    let told = json!([{ "code": "FORBIDDEN", "message": "This account is deactivated. Ask an operator." }]);
    assert_eq!(log_in(&anonymous, "mia", PASSWORD).await, json!({ "accessToken": null, "errors": told }));
    let unknown = log_in(&anonymous, "zoe", PASSWORD).await["errors"].take();
    assert_eq!(unknown[0]["code"], "UNAUTHENTICATED");
    assert_eq!(log_in(&anonymous, "mia", "wrong password").await["errors"], unknown);
    // The REST route keeps its one answer.
    for (name, password) in [("mia", PASSWORD), ("mia", "wrong password"), ("zoe", PASSWORD)] {
        let answer = anonymous.post("/api/token/", json!({ "username": name, "password": password })).await;
        let expected = r#"{"detail":"No active account found with the given credentials"}"#;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, expected), "{name}");
    }
}

#[apply(on_both_databases)]
async fn a_new_password_is_another_one(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let query = "mutation($old: String!, $new: String!) {
        changePassword(input: {oldPassword: $old, newPassword: $new}) { accessToken errors { field message } } }";
    let change =
        async |old: &str, new: &str| mia.data(query, json!({ "old": old, "new": new })).await["changePassword"].take();
    let message = "This is your current password. Choose another one.";
    for same in [PASSWORD.to_owned(), format!(" {PASSWORD}\n")] {
        let refused = change(PASSWORD, &same).await;
        assert_eq!(refused["errors"], json!([{ "field": "newPassword", "message": message }]));
        assert!(refused["accessToken"].is_null());
    }
    // The current one has to be right before anything is said about the new one.
    assert_eq!(change("wrong", "wrong").await["errors"][0]["field"], "oldPassword");
    // Nothing was changed, and no session has ended.
    assert!(mia.data("{ me { id } }", json!({})).await["me"].is_object());
    assert_eq!(change(PASSWORD, "another-tr0ub4dor&3").await["errors"], json!([]));
}

#[apply(on_both_databases)]
async fn new_names_follow_the_rule_but_for_old_clients_whose_names_keep_working(on: On) {
    let app = TestApp::start(on).await;
    let (anonymous, root) = (app.anonymous(), app.superuser("root").await);
    let rule = anonymous.data("{ server { usernameRules { text } } }", json!({})).await;
    let rule = rule["server"]["usernameRules"]["text"].as_str().unwrap().to_owned();
    let register = "mutation($name: String!, $password: String!) {
        it: register(input: {username: $name, password: $password}) { errors { field message } } }";
    let create = "mutation($name: String!, $password: String!) {
        it: createUser(input: {username: $name, password: $password}) { errors { field message } } }";
    for (number, name) in ["zoe & co", "a b@!/", "two words"].into_iter().enumerate() {
        for (client, query) in [(&anonymous, register), (&root, create)] {
            let refused = client.data(query, json!({ "name": name, "password": PASSWORD })).await;
            assert_eq!(refused["it"]["errors"], json!([{ "field": "username", "message": rule }]), "{number}");
        }
        // The clients of the Django application register what they always could.
        let body = json!({ "username": name, "password": PASSWORD, "password2": PASSWORD });
        let registered = anonymous.post("/api/register/", body).await;
        assert_eq!((registered.status.as_u16(), registered.json()), (201, json!({ "username": name })));
    }
    for name in ["mia.winter+1@example.com", "Жук_2", "用户"] {
        let made = anonymous.data(register, json!({ "name": name, "password": PASSWORD })).await;
        assert_eq!(made["it"]["errors"], json!([]), "{name}");
    }
    assert_eq!(log_in(&anonymous, "Zoe & Co", PASSWORD).await["errors"], json!([]));
}

/// The command line runs in another process, whose messages no server receives.
#[apply(on_both_databases)]
async fn what_the_command_line_changes_reaches_open_pages_within_two_seconds(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let address = app.serve().await;
    let watch = "subscription { balanceChanged { tokens } }";
    let mut pages = Vec::new();
    for client in [&mia, &mia, &tom] {
        let mut page = Events::open(address, client.access.as_deref(), watch, json!({})).await;
        assert_eq!(page.hear().await["data"]["balanceChanged"]["tokens"], 4000);
        pages.push(page);
    }
    let other = app.second_server();
    for balance in [4500, 5000] {
        let grant = Adjustment {
            user_id: mia.user_id(),
            amount: BalanceChange::By(Tokens(500)),
            reason: "top-up".to_owned(),
            idempotency_key: None,
        };
        let since = Instant::now();
        admin::adjust_balance(&other, Actor::CommandLine, grant).await.unwrap();
        for page in pages.iter_mut().take(2) {
            assert_eq!(page.hear().await["data"]["balanceChanged"]["tokens"], balance);
        }
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    }
    // So does a deactivation, which ends the page.
    let since = Instant::now();
    let change = UserUpdate { active: Some(false), ..Default::default() };
    admin::update(&other, Actor::CommandLine, tom.user_id(), change).await.unwrap();
    let ended = pages[2].next().await;
    assert!(
        matches!(&ended, Event::Next(last) if last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"),
        "{ended:?}"
    );
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}
