//! Credentials: sockets and streams end with their session, and have its roles.

use std::time::Duration;

use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, UserUpdate};
use rstest::rstest;
use serde_json::json;

use super::{BALANCE, PROTOCOL, init, listening};
use crate::support::socket::{Event, Events, Socket};
use crate::support::{Client, On, TestApp};

const LOG_OUT: &str = "mutation { logout(input: {}) { errors { code } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_speaks_for_whoever_its_credential_proves() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let header = format!("Bearer {}", mia.access.clone().unwrap());
    let mut by_header = Socket::open(address, PROTOCOL, Some(&header)).await;
    by_header.say(init()).await;
    by_header.hear().await;
    by_header.subscribe("1", "{ me { username } }", json!({})).await;
    assert_eq!(by_header.hear_next("1").await["data"]["me"]["username"], "mia");
    let mut anonymous = Socket::begin(address, None).await;
    anonymous.subscribe("1", BALANCE, json!({})).await;
    assert_eq!(anonymous.hear_next("1").await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    for payload in [
        json!({ "authorization": "Bearer forged" }),
        json!({ "authorization": "Basic x" }),
        json!({ "authorization": 5 }),
    ] {
        let mut forged = Socket::open(address, PROTOCOL, None).await;
        forged.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(forged.closed().await.0, 4403, "{payload}");
    }
}

/// Operations that end a session, and so its sockets and streams.
#[rstest]
#[case::the_access_token_ends(|app: &TestApp, _: &Client| app.clock.advance(Duration::from_secs(3600)))]
#[case::logging_out(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move { drop(mia.data(LOG_OUT, json!({})).await) } }))]
#[case::logging_out_everywhere(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move {
    drop(mia.data("mutation { logoutEverywhere(input: {}) { errors { code } } }", json!({})).await);
} }))]
#[case::a_used_refresh_token(|app: &TestApp, mia: &Client| run(app, { let mia = mia.clone(); async move {
    let token = mia.refresh.clone().unwrap();
    // Two concurrent refreshes may be one client that lost the response.
    for _ in 0..3 {
        mia.data("mutation($t: String!) { refreshToken(input: {refreshToken: $t}) { errors { code } } }", json!({ "t": token })).await;
    }
} }))]
#[case::deactivation(|app: &TestApp, mia: &Client| { let (id, own) = (mia.user_id(), app.app.clone()); run(app, async move {
    let change = UserUpdate { active: Some(false), ..UserUpdate::default() };
    admin::update(&own, Actor::CommandLine, id, change).await.unwrap();
}) })]
#[case::deletion(|app: &TestApp, mia: &Client| { let (id, own) = (mia.user_id(), app.app.clone()); run(app, async move {
    admin::delete(&own, Actor::CommandLine, id).await.unwrap();
}) })]
#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_streams_end_with_their_session(#[case] end: impl Fn(&TestApp, &Client)) {
    // So short that its expiry is noticed soon, although the clock of tests is manual.
    let app = TestApp::with(On::Sqlite, "auth.access_ttl = '1s'").await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let mut socket = listening(address, &mia).await;
    let mut events = Events::open(address, mia.access.as_deref(), BALANCE, json!({})).await;
    events.hear().await;
    end(&app, &mia);
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4403, "clients reconnect with another credential: {reason}");
    let response = loop {
        // The balance may change with the session.
        let data = events.hear().await;
        if data.get("errors").is_some() {
            break data;
        }
    };
    assert!(
        ["UNAUTHENTICATED", "NOT_FOUND"].contains(&response["errors"][0]["extensions"]["code"].as_str().unwrap()),
        "{response}"
    );
    assert_eq!(events.next().await, Event::Complete);
}

/// Runs something concurrently with the test.
fn run(_: &TestApp, what: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(what);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_of_a_socket_have_the_roles_of_that_moment() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let tom = app.staff("tom").await;
    let mut socket = Socket::begin(address, tom.access.as_deref()).await;
    let users = "{ users { totalCount } }";
    socket.subscribe("1", users, json!({})).await;
    assert_eq!(socket.hear_next("1").await["data"]["users"]["totalCount"], 1);
    socket.hear().await;
    let change = UserUpdate { staff: Some(false), ..UserUpdate::default() };
    admin::update(&app.app, Actor::CommandLine, tom.user_id(), change).await.unwrap();
    socket.subscribe("2", users, json!({})).await;
    assert_eq!(socket.hear_next("2").await["errors"][0]["extensions"]["code"], "FORBIDDEN");
}
