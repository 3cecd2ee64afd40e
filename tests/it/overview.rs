//! The operators' overview of a period.

use std::time::Duration;

use jeton::domain::chat::usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::api_keys::with_key;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const DAY: Duration = Duration::from_secs(86_400);
const OVERVIEW: &str = "query($since: DateTime!, $until: DateTime!) { overview(since: $since, until: $until) {
    totals { ...T } previous { ...T } outstanding { users tokens held }
    days { day model messages tokens activeUsers failures }
    models { model messages tokens failures }
    apiKeys { apiKey { name user { username } } messages tokens } } }
    fragment T on OverviewTotals { signupGrants credits debits spent messages failures activeUsers signUps
        answerTime { medianMs p95Ms } firstChunkTime { medianMs p95Ms } }";

async fn overview(client: &Client, since: &str, until: &str) -> Value {
    let days = json!({ "since": format!("{since}T00:00:00Z"), "until": format!("{until}T00:00:00Z") });
    client.data(OVERVIEW, days).await["overview"].take()
}

async fn adjust(client: &Client, id: &str, amount: i64) {
    let adjust = "mutation($id: ID!, $amount: Tokens!) {
        adjustBalance(input: {userId: $id, amount: $amount, reason: \"r\"}) { errors { code } } }";
    let done = client.data(adjust, json!({ "id": id, "amount": amount })).await;
    assert_eq!(done["adjustBalance"]["errors"], json!([]));
}

#[apply(on_both_databases)]
async fn a_period_is_told_with_the_one_before_it(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, tom, root) = (app.user("mia").await, app.user("tom").await, app.superuser("root").await);
    for message in ["1", "2"] {
        mia.say("echo", message).await;
    }
    app.model.play([Step::Fail]);
    tom.say("scripted", "3").await;
    let id = mia.global_id().await;
    for amount in [600, -100] {
        adjust(&root, &id, amount).await;
    }
    app.clock.advance(DAY);
    let (program, _) = with_key(&mia, json!({ "name": "program", "scopes": ["WRITE"] })).await;
    program.say("echo", "4").await;
    let at_once = json!({ "medianMs": 0, "p95Ms": 0 });
    let first = json!({
        "signupGrants": 12_000, "credits": 600, "debits": 100, "spent": 200, "messages": 3, "failures": 1,
        "activeUsers": 2, "signUps": 3, "answerTime": at_once, "firstChunkTime": at_once,
    });
    let second = json!({
        "signupGrants": 0, "credits": 0, "debits": 0, "spent": 100, "messages": 1, "failures": 0,
        "activeUsers": 1, "signUps": 0, "answerTime": at_once, "firstChunkTime": at_once,
    });
    let nothing = json!({
        "signupGrants": 0, "credits": 0, "debits": 0, "spent": 0, "messages": 0, "failures": 0,
        "activeUsers": 0, "signUps": 0, "answerTime": null, "firstChunkTime": null,
    });
    for counted in [false, true] {
        if counted {
            app.clock.advance(DAY);
            usage::count_days(&app.app).await.unwrap();
        }
        let told = overview(&root, "2026-03-02", "2026-03-03").await;
        assert_eq!((&told["totals"], &told["previous"]), (&second, &first), "counted: {counted}");
        assert_eq!(told["outstanding"], json!({ "users": 3, "tokens": 12_200, "held": 0 }));
        let key =
            json!([{ "apiKey": { "name": "program", "user": { "username": "mia" } }, "messages": 1, "tokens": 100 }]);
        assert_eq!(told["apiKeys"], key);
        let both = overview(&root, "2026-03-01", "2026-03-03").await;
        let mut sum = first.clone();
        (sum["spent"], sum["messages"]) = (json!(300), json!(4));
        assert_eq!((&both["totals"], &both["previous"]), (&sum, &nothing));
        let day = |day: &str, messages: i64, tokens: i64, users: i64, failures: i64| {
            json!({ "day": day, "model": null, "messages": messages, "tokens": tokens, "activeUsers": users,
                "failures": failures })
        };
        assert_eq!(both["days"], json!([day("2026-03-01", 3, 200, 2, 1), day("2026-03-02", 1, 100, 1, 0)]));
        let models = json!([
            { "model": "echo", "messages": 3, "tokens": 300, "failures": 0 },
            { "model": "scripted", "messages": 1, "tokens": 0, "failures": 1 },
        ]);
        assert_eq!(both["models"], models);
    }
    // A deleted account leaves what it cost; its key has no name any more.
    let delete = "mutation($id: ID!) { deleteUser(input: {userId: $id}) { errors { code } } }";
    root.data(delete, json!({ "id": id })).await;
    let told = overview(&root, "2026-03-02", "2026-03-03").await;
    assert_eq!((&told["totals"]["spent"], &told["totals"]["activeUsers"]), (&json!(100), &json!(1)));
    assert_eq!(told["apiKeys"], json!([{ "apiKey": null, "messages": 1, "tokens": 100 }]));
}

#[apply(on_both_databases)]
async fn who_is_about_to_run_dry_is_who_uses_it(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'\nauth.refresh_ttl = '100d'").await;
    let (mia, tom, root) = (app.user("mia").await, app.user("tom").await, app.superuser("root").await);
    app.user("never").await;
    for _ in 0..3 {
        mia.say("echo", "x").await;
    }
    tom.say("echo", "x").await;
    let low = async |arguments: &str| {
        let query = format!(
            "{{ overview(since: \"2026-03-01T00:00:00Z\", until: \"2026-03-02T00:00:00Z\") {{
            lowBalances{arguments} {{ username balance {{ tokens }} }} }} }}"
        );
        let users = root.data(&query, json!({})).await["overview"]["lowBalances"].take();
        let users = users.as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // A message of the default model costs 100: mia can send 37 more, tom 39.
    assert_eq!(low("").await, Vec::<String>::new());
    assert_eq!(low("(messages: 37)").await, Vec::<String>::new());
    assert_eq!(low("(messages: 38)").await, ["mia"]);
    assert_eq!(low("(messages: 1000)").await, ["mia", "tom"], "not who never sent a message");
    assert_eq!(low("(messages: 1000, first: 1)").await, ["mia"]);
    app.clock.advance(31 * DAY);
    assert_eq!(low("(messages: 1000)").await, Vec::<String>::new(), "nor who no longer does");
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_are_bounded() {
    let app = TestApp::start(On::Sqlite).await;
    let root = app.superuser("root").await;
    let query = "query($since: DateTime!, $until: DateTime!) { overview(since: $since, until: $until) {
        totals { messages } previous { messages } days { day } } }";
    let of = async |since: &str, until: &str| root.graphql(query, json!({ "since": since, "until": until })).await;
    for (since, until) in [
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2025-02-28T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("-262143-01-01T00:00:00Z", "+262142-12-31T23:59:59Z"),
    ] {
        let refused = of(since, until).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{since} {until}: {refused}");
    }
    for (since, until) in [
        ("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"),
        ("2025-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("9999-12-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("-262143-01-01T00:00:00Z", "-262143-01-02T00:00:00Z"),
    ] {
        let told = of(since, until).await;
        assert_eq!((told.get("errors"), &told["data"]["overview"]["totals"]["messages"]), (None, &json!(0)), "{told}");
    }
    for list in ["apiKeys(first: 101) { tokens }", "lowBalances(first: 0) { id }", "lowBalances(messages: 0) { id }"] {
        let query =
            format!("{{ overview(since: \"2026-03-01T00:00:00Z\", until: \"2026-03-02T00:00:00Z\") {{ {list} }} }}");
        assert_eq!(root.code(&query, json!({})).await, "INVALID_INPUT", "{list}");
    }
}
