//! The operators' overview: usage by day, top spenders, sorted and filtered lists.

use std::time::Duration;

use jeton::domain::chat::usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

const DAY: Duration = Duration::from_secs(86_400);
const USAGE: &str = "query($days: Int) { usage(days: $days) { day model messages tokens activeUsers failures } }";

async fn totals(client: &Client, days: i32) -> Vec<Value> {
    let used = client.data(USAGE, json!({ "days": days })).await["usage"].take();
    used.as_array().unwrap().iter().filter(|used| used["model"] == Value::Null).cloned().collect()
}

#[apply(on_both_databases)]
async fn days_are_counted_once_and_today_as_it_is(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, tom, root) = (app.user("mia").await, app.user("tom").await, app.superuser("root").await);
    // 2026-03-01: two users, two models, a failure. 03-02: nothing. 03-03: today.
    mia.say("echo", "1").await;
    tom.say("echo", "2").await;
    app.model.play([Step::Fail]);
    tom.say("scripted", "3").await;
    app.clock.advance(2 * DAY);
    mia.say("echo", "4").await;
    let day = |day: &str, messages: i64, tokens: i64, users: i64, failures: i64| json!({ "day": day, "model": null, "messages": messages, "tokens": tokens, "activeUsers": users, "failures": failures });
    let expected = [day("2026-03-01", 3, 200, 2, 1), day("2026-03-02", 0, 0, 0, 0), day("2026-03-03", 1, 100, 1, 0)];
    assert_eq!(totals(&root, 3).await, expected);
    let (one, two) = tokio::join!(usage::count_days(&app.app), usage::count_days(&app.app));
    one.unwrap();
    two.unwrap();
    assert_eq!(totals(&root, 3).await, expected, "counted and kept, the same");
    let models = root.data(USAGE, json!({ "days": 3 })).await["usage"].take();
    assert_eq!(models.as_array().unwrap().len(), 6, "echo and scripted on the first day, echo today: {models}");
    // Chats that are deleted later still count on their day.
    tom.data("mutation { deleteAccount(input: {password: \"tr0ub4dor&3-staple\"}) { deletedId } }", json!({})).await;
    assert_eq!(totals(&root, 3).await, expected);
    let spenders =
        root.data("{ topSpenders(days: 3) { user { username } tokens messages } openTurns }", json!({})).await;
    let expected = json!([
        { "user": { "username": "mia" }, "tokens": 200, "messages": 2 },
        { "user": null, "tokens": 100, "messages": 2 },
    ]);
    assert_eq!(spenders, json!({ "topSpenders": expected, "openTurns": 0 }));
    for query in
        ["{ usage(days: 0) { day } }", "{ usage(days: 367) { day } }", "{ topSpenders(first: 101) { tokens } }"]
    {
        assert_eq!(root.code(query, json!({})).await, "INVALID_INPUT", "{query}");
    }
    for query in ["{ usage { day } }", "{ topSpenders { tokens } }", "{ openTurns }"] {
        assert_eq!(mia.code(query, json!({})).await, "FORBIDDEN", "{query}");
        assert_eq!(app.anonymous().code(query, json!({})).await, "UNAUTHENTICATED", "{query}");
    }
}

#[apply(on_both_databases)]
async fn users_are_sorted_and_paged_without_gaps(on: On) {
    let app = TestApp::start(on).await;
    let root = app.superuser("root").await;
    // A name that only the clients of the Django application may register: it has the signs of a cursor.
    let body = json!({ "username": "b:~x", "password": PASSWORD, "password2": PASSWORD });
    assert_eq!(app.anonymous().post("/api/register/", body).await.status.as_u16(), 201);
    for (name, messages) in [("A", 2), ("c", 1), ("d", 2)] {
        let client = app.user(name).await;
        for _ in 0..messages {
            client.say("echo", "Hi").await;
        }
    }
    for (order, expected) in [
        ("NEWEST", ["d", "c", "A", "b:~x", "root"]),
        ("OLDEST", ["root", "b:~x", "A", "c", "d"]),
        ("NAME", ["A", "b:~x", "c", "d", "root"]),
        ("NAME_DESCENDING", ["root", "d", "c", "b:~x", "A"]),
        ("MOST_TOKENS", ["b:~x", "root", "c", "d", "A"]),
        ("FEWEST_TOKENS", ["A", "d", "c", "root", "b:~x"]),
    ] {
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = "query($order: UserOrder, $after: String) { users(first: 2, after: $after, orderBy: $order) {
                nodes { username } pageInfo { endCursor hasNextPage } } }";
            let page = root.data(page, json!({ "order": order, "after": after })).await["users"].take();
            found.extend(
                page["nodes"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        // With equal balances, the order is that of the ids.
        assert_eq!(found, expected, "{order}");
        let wrong = "query($after: String) { users(after: $after, orderBy: NAME) { nodes { id } } }";
        if order == "NEWEST" {
            assert_eq!(root.code(wrong, json!({ "after": after })).await, "INVALID_INPUT", "a cursor of another order");
        }
    }
    let superusers = root.data("{ users(superuser: true) { nodes { username } } }", json!({})).await;
    assert_eq!(superusers["users"]["nodes"], json!([{ "username": "root" }]));
}

#[apply(on_both_databases)]
async fn chats_are_found_by_what_operators_know(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, tom, staff) = (app.user("mia").await, app.user("tom").await, app.staff("staff").await);
    mia.say("echo", "old needle").await;
    app.model.play([Step::Fail]);
    tom.say("scripted", "a failure").await;
    app.clock.advance(DAY);
    tom.say("echo", "new needle").await;
    let find = async |arguments: &str| {
        let query = format!("{{ chats{arguments} {{ nodes {{ message }} totalCount }} }}");
        let found = staff.data(&query, json!({})).await["chats"].take();
        let nodes = found["nodes"].as_array().unwrap();
        assert_eq!(found["totalCount"], nodes.len());
        nodes.iter().map(|chat| chat["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let toms = tom.global_id().await;
    for (arguments, expected) in [
        ("".to_owned(), vec!["new needle", "a failure", "old needle"]),
        ("(search: \"needle\")".to_owned(), vec!["new needle", "old needle"]),
        ("(search: \"TOM\")".to_owned(), vec!["new needle", "a failure"]),
        ("(search: \"nobody\")".to_owned(), vec![]),
        (format!("(search: \"needle\", userId: \"{toms}\")"), vec!["new needle"]),
        ("(status: FAILED)".to_owned(), vec!["a failure"]),
        ("(model: \"echo\")".to_owned(), vec!["new needle", "old needle"]),
        ("(since: \"2026-03-02T00:00:00Z\")".to_owned(), vec!["new needle"]),
        ("(until: \"2026-03-02T00:00:00Z\")".to_owned(), vec!["a failure", "old needle"]),
        ("(until: \"2026-03-02T00:00:00Z\", model: \"echo\")".to_owned(), vec!["old needle"]),
        ("(since: \"2026-03-03T00:00:00Z\")".to_owned(), vec![]),
    ] {
        assert_eq!(find(&arguments).await, expected, "{arguments}");
    }
    assert_eq!(mia.code("{ chats(search: \"needle\") { totalCount } }", json!({})).await, "FORBIDDEN");
}

#[apply(on_both_databases)]
async fn own_spending_is_what_the_ledger_charged_also_for_deleted_chats(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    let spending = async |client: &Client| client.data("{ spending { today thisMonth } }", json!({})).await;
    let spent = |today: i64, month: i64| json!({ "spending": { "today": today, "thisMonth": month } });
    assert_eq!(spending(&mia).await, spent(0, 0));
    // 2026-03-01.
    let first = mia.say("echo", "1").await;
    app.model.play([Step::Fail]);
    mia.say("scripted", "2").await;
    root.say("echo", "3").await;
    let credit =
        "mutation($id: ID!) { adjustBalance(input: {userId: $id, amount: 500, reason: \"x\"}) { errors { code } } }";
    let id = mia.data("{ me { id } }", json!({})).await["me"]["id"].take();
    assert_eq!(root.data(credit, json!({ "id": id })).await["adjustBalance"]["errors"], json!([]));
    assert_eq!(spending(&mia).await, spent(100, 100), "neither failures nor grants nor others");
    let delete = "mutation($id: ID!) { deleteChat(input: {chatId: $id}) { errors { code } } }";
    assert_eq!(mia.data(delete, json!({ "id": first["chat"]["id"] })).await["deleteChat"]["errors"], json!([]));
    assert_eq!(spending(&mia).await, spent(100, 100));
    app.clock.advance(2 * DAY);
    mia.say("echo", "4").await;
    assert_eq!(spending(&mia).await, spent(100, 200));
    usage::count_days(&app.app).await.unwrap();
    assert_eq!(spending(&mia).await, spent(100, 200));
    // The first of April.
    app.clock.advance(29 * DAY);
    assert_eq!(spending(&mia).await, spent(0, 0));
    mia.say("echo", "5").await;
    assert_eq!(spending(&mia).await, spent(100, 100));
}
