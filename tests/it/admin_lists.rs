//! The lists of operators: filters by reason and action, and counts that say whether they are exact.

use chrono::{DateTime, Utc};
use jeton::domain::chat::import::{ImportedChat, insert_imported};
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
            nodes {{ amount user {{ username }} }} totalCount totalIsExact }} }}"
        );
        let found = client.data(&query, json!({ "reasons": reasons })).await["list"].take();
        assert_eq!(found["totalIsExact"], true);
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

#[apply(on_both_databases)]
async fn a_search_with_too_many_results_says_so(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("staff").await);
    let at: DateTime<Utc> = app.clock.now();
    let import = async |range: std::ops::Range<usize>| {
        let one = |number| ImportedChat {
            id: None,
            user_id: mia.user_id(),
            message: format!("refund {number}"),
            response: "no".to_owned(),
            at,
        };
        let chats: Vec<_> = range.map(one).collect();
        let stored = app.app.db.write((chats, at), |txn, (chats, at)| {
            Box::pin(async move {
                for some in chats.chunks(100) {
                    insert_imported(txn, some, *at).await?;
                }
                Ok(())
            })
        });
        stored.await.unwrap();
        jeton::domain::chat::index_rest(&app.app).await.unwrap();
    };
    let own = "query($order: ChatOrder) { it: chatHistory(search: \"refund\", first: 1, orderBy: $order) {
        nodes { message } totalCount totalIsExact } }";
    let all = "{ it: chats(search: \"refund\", first: 1) { nodes { message } totalCount totalIsExact } }";
    let of_name = "{ it: chats(search: \"mia\", first: 1) { nodes { message } totalCount totalIsExact } }";
    import(0..1000).await;
    for (client, query) in [(&mia, own), (&staff, all), (&staff, of_name)] {
        let found = client.data(query, json!({})).await["it"].take();
        assert_eq!((&found["totalCount"], &found["totalIsExact"]), (&json!(1000), &json!(true)), "{query}");
    }
    import(1000..1001).await;
    for (client, query) in [(&mia, own), (&staff, all), (&staff, of_name)] {
        let found = client.data(query, json!({})).await["it"].take();
        assert_eq!((&found["totalCount"], &found["totalIsExact"]), (&json!(1000), &json!(false)), "{query}");
        assert_eq!(found["nodes"][0]["message"], "refund 1000", "the newest are covered");
    }
    let best = mia.data(own, json!({ "order": "BEST" })).await["it"].take();
    assert_eq!((&best["totalCount"], &best["totalIsExact"]), (&json!(1000), &json!(false)));
    let whole = mia.data("{ it: chatHistory { totalCount totalIsExact } }", json!({})).await["it"].take();
    assert_eq!(whole, json!({ "totalCount": 1001, "totalIsExact": true }), "without a search nothing is cut");
}

#[apply(on_both_databases)]
async fn replaced_versions_are_left_out_of_a_search(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let create = "mutation { createConversation(input: {model: \"echo\"}) { conversation { id } } }";
    let conversation = mia.data(create, json!({})).await["createConversation"]["conversation"]["id"].take();
    let first = mia.say_with(json!({ "message": "an old needle", "conversationId": conversation })).await;
    let edit =
        "mutation($id: ID!) { editMessage(input: {chatId: $id, message: \"a new needle\"}) { errors { code } } }";
    mia.data(edit, json!({ "id": first["chat"]["id"] })).await;
    app.settled().await;
    for (replaced, expected) in [
        (Value::Null, json!([{ "message": "a new needle" }, { "message": "an old needle" }])),
        (json!(false), json!([{ "message": "a new needle" }])),
        (json!(true), json!([{ "message": "an old needle" }])),
    ] {
        let query =
            "query($replaced: Boolean) { chatHistory(search: \"needle\", replaced: $replaced) { nodes { message } } }";
        assert_eq!(mia.data(query, json!({ "replaced": replaced })).await["chatHistory"]["nodes"], expected);
    }
}
