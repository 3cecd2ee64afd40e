//! Changes of many users at once: what was confirmed is what happens, once, within the limits of staff.

use std::time::Duration;

use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use jeton::infra::entity::bulk_change;
use rstest_reuse::apply;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::{Client, On, TestApp, on_both_databases};

const ADJUST: &str = "mutation($input: AdjustBalancesInput!) { adjustBalances(input: $input) {
    adjusted total skippedOperators skippedOutOfRange errors { code field message } } }";
const ACTIVE: &str = "mutation($input: SetUsersActiveInput!) { setUsersActive(input: $input) {
    changedUserIds skippedOperators errors { code field } } }";

async fn adjust(client: &Client, filter: Value, expected: u32, amount: i64, key: &str) -> Value {
    let input = json!({
        "filter": filter, "expectedCount": expected, "amount": amount, "reason": "a gift", "idempotencyKey": key,
    });
    client.data(ADJUST, json!({ "input": input })).await["adjustBalances"].take()
}

async fn set_active(client: &Client, filter: Value, expected: u32, active: bool, key: Option<&str>) -> Value {
    let input = json!({ "filter": filter, "expectedCount": expected, "active": active, "idempotencyKey": key });
    client.data(ACTIVE, json!({ "input": input })).await["setUsersActive"].take()
}

/// Returns the number of events of an action.
async fn events(client: &Client, action: &str) -> Value {
    let trail = format!("{{ auditTrail(actions: [{action}]) {{ totalCount }} }}");
    client.data(&trail, json!({})).await["auditTrail"]["totalCount"].take()
}

async fn users(app: &TestApp, names: impl IntoIterator<Item = String>) -> Vec<Client> {
    let mut made = Vec::new();
    for name in names {
        made.push(app.user(&name).await);
    }
    made
}

#[apply(on_both_databases)]
async fn all_who_match_are_adjusted_once(on: On) {
    let app = TestApp::with(on, "ledger.staff_daily_limit = 0").await;
    let (staff, _root) = (app.staff("user-staff").await, app.superuser("root").await);
    // More than one batch.
    let plain = users(&app, (0..120).map(|number| format!("user-{number}"))).await;
    let other = app.user("other").await;
    let filter = json!({ "search": "user", "maxTokens": 4000 });
    let done = json!({ "adjusted": 120, "total": 60_000, "skippedOperators": 1, "skippedOutOfRange": 0, "errors": [] });
    // Another number than was confirmed is a conflict, and nothing happens.
    for expected in [120, 122] {
        let refused = adjust(&staff, filter.clone(), expected, 500, "k").await;
        assert_eq!((&refused["adjusted"], &refused["errors"][0]["code"]), (&json!(0), &json!("CONFLICT")));
    }
    assert_eq!(app.balance(&plain[0]).await, (4000, 0));
    let at_once = futures::future::join_all((0..3).map(|_| adjust(&staff, filter.clone(), 121, 500, "k"))).await;
    assert!(at_once.iter().all(|outcome| *outcome == done), "{at_once:?}");
    // A retry returns the same, although none of them matches any more.
    assert_eq!(adjust(&staff, filter.clone(), 121, 500, "k").await, done);
    for client in [&plain[0], &plain[99], &plain[100], &plain[119]] {
        assert_eq!(app.ledger(client).await, [("SignupGrant".to_owned(), 4000), ("Adjustment".to_owned(), 500)]);
    }
    for client in [&staff, &other] {
        assert_eq!(app.ledger(client).await, [("SignupGrant".to_owned(), 4000)], "operators are not adjusted");
    }
    assert_eq!(events(&staff, "BALANCE_ADJUST").await, 120, "each in the trail, once");
    // The key stands for the whole request.
    for (filter, expected, amount) in [(filter.clone(), 121, 501), (filter, 120, 500), (json!({}), 121, 500)] {
        assert_eq!(adjust(&staff, filter, expected, amount, "k").await["errors"][0]["code"], "CONFLICT");
    }
    // Who cannot pay is skipped, and told.
    app.user("user-new").await;
    let taken = adjust(&staff, json!({ "search": "user-", "staff": false }), 121, -4200, "minus").await;
    let expected = json!({
        "adjusted": 120, "total": -504_000, "skippedOperators": 0, "skippedOutOfRange": 1, "errors": [],
    });
    assert_eq!(taken, expected);
    assert_eq!(app.balance(&plain[7]).await, (300, 0));
}

#[apply(on_both_databases)]
async fn what_is_given_out_at_once_counts_toward_the_limit_as_a_whole(on: On) {
    let app = TestApp::with(on, "ledger.staff_daily_limit = 1000").await;
    let (staff, root) = (app.staff("staff").await, app.superuser("root").await);
    let plain = users(&app, (0..3).map(|number| format!("user-{number}"))).await;
    let filter = json!({ "search": "user-" });
    let refused = adjust(&staff, filter.clone(), 3, 334, "k").await;
    assert_eq!((&refused["adjusted"], &refused["errors"][0]["code"]), (&json!(0), &json!("RATE_LIMITED")));
    let message = "Staff may give out 1000 tokens a day (UTC); 1000 are left today.";
    assert_eq!(refused["errors"][0]["message"], message);
    for client in &plain {
        assert_eq!(app.balance(client).await, (4000, 0), "no user, not even the first ones");
    }
    assert_eq!(adjust(&staff, filter.clone(), 3, 333, "k").await["adjusted"], 3, "a refused key is not used up");
    assert_eq!(adjust(&staff, filter.clone(), 3, 333, "k").await["adjusted"], 3, "a retry needs no allowance");
    assert_eq!(adjust(&staff, filter.clone(), 3, 1, "l").await["errors"][0]["code"], "RATE_LIMITED");
    assert_eq!(adjust(&staff, filter.clone(), 3, -1, "m").await["adjusted"], 3);
    assert_eq!(adjust(&root, filter, 3, 1_000_000, "k").await["adjusted"], 3, "keys are of their operator");
    assert_eq!(app.balance(&plain[0]).await, (4000 + 333 - 1 + 1_000_000, 0));
}

#[apply(on_both_databases)]
async fn a_deactivation_is_undone_with_its_ids(on: On) {
    let app = TestApp::start(on).await;
    let (staff, root) = (app.staff("staff").await, app.superuser("root").await);
    let plain = users(&app, (0..3).map(|number| format!("user-{number}"))).await;
    let was_inactive = app.user("user-off").await;
    let off = admin::UserUpdate { active: Some(false), ..Default::default() };
    admin::update(&app.app, Actor::CommandLine, was_inactive.user_id(), off).await.unwrap();
    let mut ids = Vec::new();
    for client in &plain {
        ids.push(json!(client.global_id().await));
    }
    let all = json!({});
    let refused = set_active(&staff, all.clone(), 5, false, None).await;
    assert_eq!(refused["errors"], json!([{ "code": "CONFLICT", "field": null }]));
    assert_eq!(plain[0].data("{ me { isActive } }", json!({})).await["me"]["isActive"], true);
    // Six match: two operators are skipped, and one has been inactive before.
    let done = set_active(&staff, all.clone(), 6, false, Some("k")).await;
    assert_eq!(done, json!({ "changedUserIds": ids, "skippedOperators": 2, "errors": [] }));
    for client in &plain {
        assert_eq!(client.code("{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    }
    assert_eq!(root.data("{ me { isActive } }", json!({})).await["me"]["isActive"], true);
    assert_eq!(events(&staff, "USER_UPDATE").await, 4, "each change in the trail, with that of the command line");
    // A retry continues the same change, and finds nothing left to do.
    let again = set_active(&staff, all.clone(), 6, false, Some("k")).await;
    assert_eq!(again, json!({ "changedUserIds": [], "skippedOperators": 2, "errors": [] }));
    assert_eq!(set_active(&staff, all, 6, true, Some("k")).await["errors"][0]["code"], "CONFLICT");
    let undone = set_active(&staff, json!({ "userIds": ids }), 3, true, None).await;
    assert_eq!(undone, json!({ "changedUserIds": ids, "skippedOperators": 0, "errors": [] }));
    let active = "{ users(active: false) { nodes { username } } }";
    let inactive = staff.data(active, json!({})).await["users"]["nodes"].take();
    assert_eq!(inactive, json!([{ "username": "user-off" }]), "who was inactive before stays so");
    let nobody = set_active(&staff, json!({ "userIds": ["nonsense"] }), 1, true, None).await;
    assert_eq!(nobody["errors"][0]["code"], "NOT_FOUND");
    let mia = &plain[0];
    let input = json!({ "filter": {}, "expectedCount": 6, "active": false });
    assert_eq!(mia.code(ACTIVE, json!({ "input": input })).await, "UNAUTHENTICATED", "its sessions ended for good");
    let fresh = app.user("fresh").await;
    assert_eq!(fresh.code(ACTIVE, json!({ "input": input })).await, "FORBIDDEN");
}

#[apply(on_both_databases)]
async fn a_key_and_the_users_that_it_names_are_forgotten_after_thirty_days(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'\nauth.refresh_ttl = '100d'").await;
    let (staff, mia) = (app.staff("sue").await, app.user("mia").await);
    let filter = json!({ "search": "mia" });
    let remembered = async || bulk_change::Entity::find().count(app.app.db.read()).await.unwrap();
    for (days, key, balance, count) in [(0, "a", 4500, 1), (29, "a", 4500, 1), (0, "b", 5000, 2), (2, "c", 5500, 2)] {
        app.clock.advance(Duration::from_secs(days * 86_400));
        assert_eq!(adjust(&staff, filter.clone(), 1, 500, key).await["adjusted"], 1, "{key}");
        assert_eq!((app.balance(&mia).await, remembered().await), ((balance, 0), count), "{key}");
    }
}
