//! The lists of operators: filters by reason and action.

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, Step, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn entries_and_events_are_filtered_by_what_they_are(on: On) {
    let app = TestApp::start(on).await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    mia.say("echo", "Hello").await;
    app.model.play([Step::Fail]);
    mia.say("scripted", "Hello").await;
    let id = mia.global_id().await;
    for amount in [5, -2] {
        let adjust = "mutation($id: ID!, $amount: Tokens!) {
            adjustBalance(input: {userId: $id, amount: $amount, reason: \"r\"}) { errors { code } } }";
        root.data(adjust, json!({ "id": id, "amount": amount })).await;
    }
    let amounts = async |client: &Client, list: &str, reasons: Value| {
        let query = format!(
            "query($reasons: [LedgerReason!]) {{ list: {list}(reasons: $reasons) {{
            nodes {{ amount user {{ username }} }} totalCount }} }}"
        );
        let found = client.data(&query, json!({ "reasons": reasons })).await["list"].take();
        let nodes = found["nodes"].as_array().unwrap();
        assert_eq!(found["totalCount"], nodes.len());
        let of_mia = nodes.iter().filter(|entry| entry["user"]["username"] == "mia");
        of_mia.map(|entry| entry["amount"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (reasons, expected) in [
        (json!(["ADJUSTMENT"]), vec![-2, 5]),
        (json!(["ADJUSTMENT", "SIGNUP_GRANT", "ADJUSTMENT"]), vec![-2, 5, 4000]),
        (json!(["CHAT_DONE"]), vec![-100]),
        (json!(["CHAT_DONE", "CHAT_FAILED"]), vec![0, -100]),
        (json!(["ACCOUNT_CLOSED"]), vec![]),
        (json!([]), vec![]),
        (Value::Null, vec![-2, 5, 0, -100, 4000]),
    ] {
        assert_eq!(amounts(&mia, "ledgerHistory", reasons.clone()).await, expected, "{reasons}");
        assert_eq!(amounts(&root, "ledgerEntries", reasons.clone()).await, expected, "{reasons}");
    }
    // What an event changed is told as a change, and nothing else.
    let update =
        "mutation($id: ID!, $input: Boolean) { updateUser(input: {userId: $id, active: $input}) { errors { code } } }";
    for active in [false, false, true] {
        root.data(update, json!({ "id": id, "input": active })).await;
    }
    let trail = "query($actions: [AuditAction!], $id: ID) { auditTrail(actions: $actions, targetId: $id) {
        nodes { action details } totalCount } }";
    let events = root.data(trail, json!({ "actions": ["USER_UPDATE"] })).await["auditTrail"].take();
    let details = events["nodes"].as_array().unwrap().iter().map(|event| {
        assert_eq!(event["action"], "user.update");
        serde_json::from_str(event["details"].as_str().unwrap()).unwrap()
    });
    let details: Vec<Value> = details.collect();
    let change = |from: bool, to: bool| json!({ "active": { "from": from, "to": to } });
    assert_eq!(details, [change(false, true), json!({}), change(true, false)]);
    let both = json!({ "actions": ["BALANCE_ADJUST", "USER_CREATE"], "id": id });
    assert_eq!(root.data(trail, both).await["auditTrail"]["totalCount"], 3);
    assert_eq!(root.data(trail, json!({ "actions": [] })).await["auditTrail"]["totalCount"], 0);
}
