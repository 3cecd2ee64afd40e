//! Sessions: log-in, log-out, refresh, and revocation.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, UserUpdate};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const LOGIN: &str =
    "mutation($name: String!, $password: String!) { login(input: {username: $name, password: $password}) {
    accessToken refreshToken user { username } errors { code message field } } }";
const REFRESH: &str = "mutation($token: String!) { refreshToken(input: {refreshToken: $token}) {
    accessToken refreshToken errors { code message } } }";

async fn log_in(client: &Client, name: &str, password: &str) -> Value {
    client.data(LOGIN, json!({ "name": name, "password": password })).await["login"].take()
}

async fn refresh(client: &Client, token: &str) -> Value {
    client.data(REFRESH, json!({ "token": token })).await["refreshToken"].take()
}

/// Returns whether the client's access token is still valid.
async fn is_in(client: &Client) -> bool {
    client.post("/graphql", json!({ "query": "{ me { id } }" })).await.status == 200
}

#[apply(on_both_databases)]
async fn logging_in_by_name_in_any_case(on: On) {
    let app = TestApp::start(on).await;
    app.user("Mia").await;
    for name in ["Mia", "mia", " MIA "] {
        assert_eq!(log_in(&app.anonymous(), name, PASSWORD).await["user"]["username"], "Mia", "{name}");
    }
    let expected = json!([{ "code": "UNAUTHENTICATED",
        "message": "No active account found with the given credentials.", "field": null }]);
    assert_eq!(log_in(&app.anonymous(), "Mia", "wrong password").await["errors"], expected);
    assert_eq!(log_in(&app.anonymous(), "Nobody", PASSWORD).await["errors"], expected);
}

#[apply(on_both_databases)]
async fn access_tokens_end_and_refresh_tokens_buy_new_ones(on: On) {
    let app = TestApp::start(on).await;
    let mut mia = app.user("mia").await;
    assert!(is_in(&mia).await);
    app.clock.advance(Duration::from_secs(86_400));
    assert!(!is_in(&mia).await);
    let next = refresh(&app.anonymous(), mia.refresh.as_deref().unwrap()).await;
    mia.access = next["accessToken"].as_str().map(str::to_owned);
    assert!(is_in(&mia).await);
    app.clock.advance(Duration::from_secs(7 * 86_400));
    let too_late = refresh(&app.anonymous(), next["refreshToken"].as_str().unwrap()).await;
    assert_eq!(too_late["errors"][0]["code"], "UNAUTHENTICATED");
}

#[apply(on_both_databases)]
async fn a_refresh_token_used_twice_ends_its_session(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let stolen = mia.refresh.clone().unwrap();
    let next = refresh(&app.anonymous(), &stolen).await;
    assert_eq!(next["errors"], json!([]));
    // Another client within the reuse interval, and the same one after it.
    assert_eq!(refresh_as(&app, "thief/1.0", &stolen).await["errors"][0]["code"], "UNAUTHENTICATED");
    let successor = next["refreshToken"].as_str().unwrap();
    assert_eq!(refresh(&app.anonymous(), successor).await["errors"][0]["code"], "UNAUTHENTICATED");
    assert!(!is_in(&mia).await, "the access token ends with the session");
    let tom = app.user("tom").await;
    let token = tom.refresh.clone().unwrap();
    let next = refresh(&app.anonymous(), &token).await;
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(refresh(&app.anonymous(), &token).await["errors"][0]["code"], "UNAUTHENTICATED");
    let successor = next["refreshToken"].as_str().unwrap();
    assert_eq!(refresh(&app.anonymous(), successor).await["errors"][0]["code"], "UNAUTHENTICATED");
}

/// Refreshes with this user agent.
async fn refresh_as(app: &TestApp, agent: &str, token: &str) -> Value {
    let body = json!({ "query": REFRESH, "variables": { "token": token } }).to_string();
    let request = Request::post("/graphql").header("content-type", "application/json").header("user-agent", agent);
    app.anonymous().send(request.body(Body::from(body)).unwrap()).await.json()["data"]["refreshToken"].take()
}

#[apply(on_both_databases)]
async fn a_client_that_lost_the_answer_gets_the_same_pair_once_more(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let token = mia.refresh.clone().unwrap();
    let lost = refresh_as(&app, "phone/1.0", &token).await;
    app.clock.advance(Duration::from_secs(9));
    let again = refresh_as(&app, "phone/1.0", &token).await;
    assert_eq!((&again["accessToken"], &again["refreshToken"]), (&lost["accessToken"], &lost["refreshToken"]));
    assert_ne!(again["refreshToken"], token);
    let mut phone = mia.clone();
    phone.access = again["accessToken"].as_str().map(str::to_owned);
    assert!(is_in(&phone).await);
    // The pair continues as any other, and the lost token is not valid again.
    let next = refresh_as(&app, "phone/1.0", again["refreshToken"].as_str().unwrap()).await;
    assert_eq!(next["errors"], json!([]));
    assert_eq!(refresh_as(&app, "phone/1.0", &token).await["errors"][0]["code"], "UNAUTHENTICATED");
    assert!(!is_in(&phone).await);
    let tom = app.user("tom").await;
    let token = tom.refresh.clone().unwrap();
    for _ in 0..2 {
        assert_eq!(refresh(&app.anonymous(), &token).await["errors"], json!([]));
    }
    assert_eq!(refresh(&app.anonymous(), &token).await["errors"][0]["code"], "UNAUTHENTICATED", "one retry, not two");
}

#[apply(on_both_databases)]
async fn of_two_who_refresh_at_once_one_at_most_goes_on(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let token = mia.refresh.clone().unwrap();
    let (one, two) = tokio::join!(refresh_as(&app, "one", &token), refresh_as(&app, "two", &token));
    let winners = [&one, &two].into_iter().filter(|answer| answer["accessToken"].is_string()).count();
    assert_eq!(winners, 1);
    assert!(!is_in(&mia).await);
    // Concurrent refreshes of one client, such as of two tabs, return one pair.
    let tom = app.user("tom").await;
    let token = tom.refresh.clone().unwrap();
    let (one, two) = tokio::join!(refresh_as(&app, "one", &token), refresh_as(&app, "one", &token));
    assert!(one["refreshToken"].is_string(), "{one}");
    assert_eq!((&one["accessToken"], &one["refreshToken"]), (&two["accessToken"], &two["refreshToken"]));
    assert!(is_in(&tom).await);
}

#[apply(on_both_databases)]
async fn logging_out_ends_this_session_or_all(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let other = log_in(&app.anonymous(), "mia", PASSWORD).await;
    let mut phone = mia.clone();
    phone.access = other["accessToken"].as_str().map(str::to_owned);
    mia.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
    assert!(!is_in(&mia).await);
    assert!(is_in(&phone).await);
    phone.data("mutation { logoutEverywhere(input: {}) { errors { code } } }", json!({})).await;
    assert!(!is_in(&phone).await);
    assert_eq!(refresh(&app.anonymous(), other["refreshToken"].as_str().unwrap()).await["accessToken"], Value::Null);
}

#[apply(on_both_databases)]
async fn a_new_password_ends_all_sessions_and_begins_one(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let change =
        "mutation($old: String!, $new: String!) { changePassword(input: {oldPassword: $old, newPassword: $new}) {
        accessToken errors { code field } } }";
    let wrong = mia.data(change, json!({ "old": "wrong password", "new": "another-staple-9" })).await;
    assert_eq!(wrong["changePassword"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "oldPassword" }]));
    let weak = mia.data(change, json!({ "old": PASSWORD, "new": "password" })).await;
    assert_eq!(weak["changePassword"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "newPassword" }]));
    assert!(is_in(&mia).await);
    let changed = mia.data(change, json!({ "old": PASSWORD, "new": "another-staple-9" })).await;
    assert!(!is_in(&mia).await);
    let mut again = mia.clone();
    again.access = changed["changePassword"]["accessToken"].as_str().map(str::to_owned);
    assert!(is_in(&again).await);
    assert_eq!(log_in(&app.anonymous(), "mia", PASSWORD).await["accessToken"], Value::Null);
    assert!(log_in(&app.anonymous(), "mia", "another-staple-9").await["accessToken"].is_string());
}

#[apply(on_both_databases)]
async fn deactivation_and_deletion_end_sessions_at_once_and_for_good(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let set = |active| UserUpdate { active: Some(active), ..UserUpdate::default() };
    admin::update(&app.app, Actor::CommandLine, mia.user_id(), set(false)).await.unwrap();
    assert!(!is_in(&mia).await);
    assert_eq!(log_in(&app.anonymous(), "mia", PASSWORD).await["accessToken"], Value::Null);
    admin::update(&app.app, Actor::CommandLine, mia.user_id(), set(true)).await.unwrap();
    assert!(!is_in(&mia).await, "what ended stays ended");
    assert!(log_in(&app.anonymous(), "mia", PASSWORD).await["accessToken"].is_string());
    admin::delete(&app.app, Actor::CommandLine, tom.user_id()).await.unwrap();
    assert!(!is_in(&tom).await);
}

#[apply(on_both_databases)]
async fn guessing_slows_down_and_a_success_ends_the_wait(on: On) {
    let app = TestApp::with(on, "auth.login_attempts_before_delay = 3").await;
    app.user("mia").await;
    for name in ["mia", "nobody"] {
        for _ in 0..4 {
            assert_eq!(log_in(&app.anonymous(), name, "wrong password").await["errors"][0]["code"], "UNAUTHENTICATED");
        }
        // The same for an unknown username.
        assert_eq!(log_in(&app.anonymous(), name, PASSWORD).await["errors"][0]["code"], "RATE_LIMITED");
    }
    app.clock.advance(Duration::from_secs(1));
    assert!(log_in(&app.anonymous(), "MIA", PASSWORD).await["accessToken"].is_string());
    assert!(log_in(&app.anonymous(), "mia", PASSWORD).await["accessToken"].is_string());
}

/// Sends a GraphQL request of a browser, whose session is in a cookie.
async fn browse(client: &Client, cookie: Option<&str>, query: &str) -> (Value, Option<String>) {
    let mut request =
        Request::post("/graphql").header("content-type", "application/json").header("x-jeton-session", "cookie");
    if let Some(cookie) = cookie {
        request = request.header("cookie", format!("theme=dark; {cookie}"));
    }
    let body = Body::from(json!({ "query": query }).to_string());
    let answer = client.send(request.body(body).unwrap()).await;
    let cookie = answer.headers.get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    (answer.json()["data"].take(), cookie)
}

#[apply(on_both_databases)]
async fn a_browser_keeps_its_refresh_token_in_a_cookie(on: On) {
    let app = TestApp::start(on).await;
    app.user("mia").await;
    let anonymous = app.anonymous();
    let login = format!(
        "mutation {{ login(input: {{username: \"mia\", password: \"{PASSWORD}\"}}) {{ accessToken refreshToken }} }}"
    );
    let (first, cookie) = browse(&anonymous, None, &login).await;
    assert!(first["login"]["accessToken"].is_string());
    assert_eq!(first["login"]["refreshToken"], Value::Null, "no script gets to read it");
    let cookie = cookie.unwrap();
    assert!(cookie.ends_with("; Path=/graphql; Max-Age=604800; HttpOnly; SameSite=Strict"), "{cookie}");
    let refresh = "mutation { refreshToken(input: {}) { accessToken refreshToken user { username } errors { code } } }";
    let pair = cookie.split(';').next().unwrap().to_owned();
    // Without the header, which a cross-origin page can't send, the cookie is ignored.
    let forged = Request::post("/graphql").header("content-type", "application/json").header("cookie", &pair);
    let body = Body::from(json!({ "query": refresh }).to_string());
    let forged = anonymous.send(forged.body(body).unwrap()).await;
    assert_eq!(forged.json()["data"]["refreshToken"]["errors"][0]["code"], "UNAUTHENTICATED");
    assert_eq!(forged.headers.get("set-cookie"), None);

    let (renewed, next) = browse(&anonymous, Some(&pair), refresh).await;
    assert_eq!(renewed["refreshToken"]["user"]["username"], "mia");
    assert_eq!(renewed["refreshToken"]["refreshToken"], Value::Null);
    let next = next.unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(next, pair);
    // The response may be lost once. After that a used token revokes the session, and the cookie is removed.
    let (again, same) = browse(&anonymous, Some(&pair), refresh).await;
    assert_eq!(again["refreshToken"]["errors"], json!([]));
    assert_eq!(same.unwrap().split(';').next(), Some(next.as_str()));
    let (refused, gone) = browse(&anonymous, Some(&pair), refresh).await;
    assert_eq!(refused["refreshToken"]["errors"][0]["code"], "UNAUTHENTICATED");
    assert!(gone.unwrap().starts_with("jeton_refresh=; Path=/graphql; Max-Age=0;"));
    assert_eq!(browse(&anonymous, Some(&next), refresh).await.0["refreshToken"]["accessToken"], Value::Null);

    let (again, cookie) = browse(&anonymous, None, &login).await;
    let mut mia = app.anonymous();
    mia.access = again["login"]["accessToken"].as_str().map(str::to_owned);
    let (_, gone) = browse(&mia, None, "mutation { logout(input: {}) { errors { code } } }").await;
    assert!(gone.unwrap().starts_with("jeton_refresh=; "));
    let pair = cookie.unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(browse(&anonymous, Some(&pair), refresh).await.0["refreshToken"]["accessToken"], Value::Null);
    let app = TestApp::with(on, "http.tls = true").await;
    app.user("mia").await;
    assert!(browse(&app.anonymous(), None, &login).await.1.unwrap().ends_with("; Secure"));
}

#[apply(on_both_databases)]
async fn one_session_of_several_can_be_ended(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let mut other = app.anonymous();
    other.access = log_in(&app.anonymous(), "mia", PASSWORD).await["accessToken"].as_str().map(str::to_owned);
    let list = "{ sessions { totalCount nodes { id userAgent address current expiresAt } } }";
    let sessions = mia.data(list, json!({})).await["sessions"].take();
    assert_eq!(sessions["totalCount"], 2);
    assert_eq!((&sessions["nodes"][0]["current"], &sessions["nodes"][1]["current"]), (&json!(false), &json!(true)));
    assert_eq!(sessions["nodes"][1]["userAgent"], "test");
    let end = "mutation($id: ID!) { endSession(input: {sessionId: $id}) { endedId errors { code } } }";
    let id = json!({ "id": sessions["nodes"][0]["id"] });
    assert_eq!(tom.data(end, id.clone()).await["endSession"]["errors"], json!([{ "code": "NOT_FOUND" }]));
    assert!(is_in(&other).await);
    assert_eq!(mia.data(end, id.clone()).await["endSession"], json!({ "endedId": id["id"], "errors": [] }));
    assert!(!is_in(&other).await && is_in(&mia).await);
    assert_eq!(mia.data(list, json!({})).await["sessions"]["totalCount"], 1);
    let node = "query($id: ID!) { node(id: $id) { ... on Session { current } } }";
    assert_eq!(tom.data(node, id).await["node"], Value::Null);
    assert_eq!(app.anonymous().code(list, json!({})).await, "UNAUTHENTICATED");
}

#[apply(on_both_databases)]
async fn a_session_has_the_address_of_its_login(on: On) {
    let app = TestApp::with(on, "http.trusted_proxies = ['127.0.0.0/8']").await;
    let mia = app.user("mia").await;
    let server = app.serve().await;
    for (from, path, body) in [
        ("203.0.113.9", "/api/token/", json!({ "username": "mia", "password": PASSWORD })),
        (
            "2001:db8:1:2:3:4:5:6",
            "/graphql",
            json!({ "query": format!("mutation {{ login(input: {{username: \"mia\", password: \"{PASSWORD}\"}}) {{ errors {{ code }} }} }}") }),
        ),
    ] {
        let request = reqwest::Client::new().post(format!("http://{server}{path}")).header("x-forwarded-for", from);
        assert!(request.json(&body).send().await.unwrap().status().is_success());
    }
    let sessions = mia.data("{ sessions { nodes { address } } }", json!({})).await["sessions"]["nodes"].take();
    let address = |text: Value| json!({ "address": text });
    let expected = ["2001:db8:1:2::".into(), "203.0.113.9".into(), Value::Null].map(address);
    assert_eq!(sessions, json!(expected), "of IPv6 the network");
}
