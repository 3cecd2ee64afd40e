//! The lists of operators: filters by reason and action, counts that say whether they are exact, sorting by what users
//! did, and finding users by words.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jeton::domain::chat::import::{ImportedChat, insert_imported};
use jeton::domain::chat::usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

const DAY: Duration = Duration::from_secs(86_400);

async fn names(client: &Client, arguments: &str) -> Vec<String> {
    let query = format!("{{ users{arguments} {{ nodes {{ username }} totalCount }} }}");
    let found = client.data(&query, json!({})).await["users"].take();
    let nodes = found["nodes"].as_array().unwrap();
    assert_eq!(found["totalCount"], nodes.len(), "{arguments}");
    nodes.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

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
    // The details of an event have the changed values, and nothing else.
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

#[apply(on_both_databases)]
async fn users_are_sorted_by_what_they_did(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'\nauth.refresh_ttl = '100d'").await;
    let root = app.superuser("root").await;
    let (mia, tom, ida) = (app.user("mia").await, app.user("tom").await, app.user("ida").await);
    // Thirty days ago it counts no longer; what a stored day has counts as well as today.
    ida.say("echo", "long ago").await;
    app.clock.advance(35 * DAY);
    for _ in 0..2 {
        tom.say("echo", "yesterday").await;
    }
    app.clock.advance(DAY);
    usage::count_days(&app.app).await.unwrap();
    mia.say("echo", "today").await;
    let login =
        format!("mutation {{ login(input: {{username: \"ida\", password: \"{PASSWORD}\"}}) {{ errors {{ code }} }} }}");
    app.anonymous().data(&login, json!({})).await;
    for (order, expected) in [
        ("MOST_SPENT", ["tom", "mia", "ida", "root"]),
        ("LEAST_SPENT", ["root", "ida", "mia", "tom"]),
        ("RECENTLY_ACTIVE", ["mia", "tom", "ida", "root"]),
        ("LEAST_RECENTLY_ACTIVE", ["root", "ida", "tom", "mia"]),
        ("RECENT_LOGIN", ["ida", "tom", "mia", "root"]),
        ("LEAST_RECENT_LOGIN", ["root", "mia", "tom", "ida"]),
    ] {
        assert_eq!(names(&root, &format!("(orderBy: {order})")).await, expected, "{order}");
        let (mut paged, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = format!(
                "query($after: String) {{ users(first: 3, after: $after, orderBy: {order}) {{
                nodes {{ username }} pageInfo {{ endCursor hasNextPage }} }} }}"
            );
            let page = root.data(&page, json!({ "after": after })).await["users"].take();
            let nodes = page["nodes"].as_array().unwrap().iter();
            paged.extend(nodes.map(|user| user["username"].as_str().unwrap().to_owned()));
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(paged, expected, "{order}, page by page");
    }
    let fields = "{ users(orderBy: MOST_SPENT) { nodes { username spent lastActiveAt } } }";
    let users = root.data(fields, json!({})).await["users"]["nodes"].take();
    let (today, yesterday) = ("2026-04-06T12:00:00.123456+00:00", "2026-04-05T12:00:00.123456+00:00");
    let seen = |user: &Value| (user["spent"].clone(), user["lastActiveAt"].as_str().map(str::to_owned));
    let seen: Vec<_> = users.as_array().unwrap().iter().map(seen).collect();
    let at = |time: &str| Some(time.parse::<DateTime<Utc>>().unwrap());
    let times: Vec<_> =
        seen.iter().map(|(_, time)| time.as_ref().map(|time| time.parse::<DateTime<Utc>>().unwrap())).collect();
    assert_eq!(times, [at(yesterday), at(today), at("2026-03-01T12:00:00.123456Z"), None]);
    assert_eq!(seen.iter().map(|(spent, _)| spent.clone()).collect::<Vec<_>>(), [200, 100, 0, 0]);
    let own = mia.data("{ me { spent lastActiveAt } }", json!({})).await;
    assert_eq!(own["me"], json!({ "spent": null, "lastActiveAt": null }), "for staff alone");
}

#[apply(on_both_databases)]
async fn users_are_found_by_words_in_any_order_and_by_balance(on: On) {
    let app = TestApp::start(on).await;
    let staff = app.staff("staff").await;
    for name in ["anna.neumann", "anna", "Ümit-Neumann", "under_score"] {
        app.user(name).await;
    }
    app.user("poor").await.say("echo", "Hi").await;
    for (search, expected) in [
        ("neumann anna", vec!["anna.neumann"]),
        ("  ANNA   neu ", vec!["anna.neumann"]),
        ("anna", vec!["anna", "anna.neumann"]),
        ("neumann", vec!["Ümit-Neumann", "anna.neumann"]),
        ("neumann ÜMIT", vec!["Ümit-Neumann"]),
        ("_", vec!["under_score"]),
        ("anna tom", vec![]),
    ] {
        assert_eq!(names(&staff, &format!("(search: \"{search}\")")).await, expected, "{search}");
    }
    assert_eq!(names(&staff, "(search: \"  \")").await.len(), 6, "no words, no filter");
    let many: String = (0..21).map(|number| format!("w{number} ")).collect();
    let query = "query($search: String) { users(search: $search) { totalCount } }";
    assert_eq!(staff.code(query, json!({ "search": many })).await, "INVALID_INPUT");
    assert_eq!(names(&staff, "(maxTokens: 3999)").await, ["poor"]);
    assert_eq!(names(&staff, "(minTokens: 3900, maxTokens: 3900)").await, ["poor"]);
    assert_eq!(names(&staff, "(minTokens: 4000, staff: true)").await, ["staff"]);
    assert_eq!(names(&staff, "(minTokens: 4001)").await, Vec::<String>::new());
}
