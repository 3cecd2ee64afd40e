//! The traces that operators leave when they read the chats of other users, and the end of other users' sessions.

use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, TestApp, on_both_databases};

const READ: &str = "query($id: ID!) { node(id: $id) { ... on Chat { message } } }";
const LIST: &str = "query($id: ID) { chats(userId: $id) { nodes { id message } } }";

/// Returns the reads in the trail, oldest first: actor, id and name of the target, number of chats.
async fn reads(client: &Client) -> Vec<Value> {
    let trail = "{ auditTrail(first: 100, actions: [CHAT_READ]) { nodes { actorName targetId targetName details } } }";
    let events = client.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    let events = events.as_array().unwrap().iter().rev().map(|event| {
        let details: Value = serde_json::from_str(event["details"].as_str().unwrap()).unwrap();
        json!([event["actorName"], event["targetId"], event["targetName"], details["chats"]])
    });
    events.collect()
}

#[apply(on_both_databases)]
async fn reading_leaves_one_trace_an_hour(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (staff, other) = (app.staff("staff").await, app.staff("other").await);
    let mut chats = Vec::new();
    for message in ["one", "two", "three"] {
        chats.push(mia.say("echo", message).await["chat"]["id"].take());
    }
    tom.say("echo", "of tom").await;
    staff.say("echo", "my own").await;
    let mias = mia.global_id().await;
    // What shows no text is no reading: a count, a cost, the chat of a ledger entry.
    for query in [
        "{ chats { totalCount nodes { id model cost } } }",
        "{ ledgerEntries { nodes { chat { id cost } } } }",
        "{ chats(first: 1) { totalCount } }",
    ] {
        staff.data(query, json!({})).await;
    }
    // The users' own reading is none either.
    mia.data(READ, json!({ "id": chats[0] })).await;
    mia.data("{ chatHistory { nodes { message response } } }", json!({})).await;
    assert_eq!(reads(&staff).await, Vec::<Value>::new());
    // A list is one event for each user, however often and by whatever pages it is read.
    for _ in 0..3 {
        staff.data(LIST, json!({ "id": mias })).await;
        staff.data("{ chats(first: 2, search: \"AI\") { edges { node { response } } } }", json!({})).await;
    }
    let listed = json!(["staff", mias, "mia", 3]);
    let searched = reads(&staff).await;
    assert_eq!(searched[0], listed);
    assert!(searched.len() <= 2 && searched.iter().all(|read| read[2] != "staff"), "{searched:?}");
    // The first chat that is opened alone is named, and others of that hour are not.
    let before = reads(&staff).await.len();
    for id in &chats {
        staff.data(READ, json!({ "id": id })).await;
    }
    let opened = json!(["staff", chats[0], "mia", 1]);
    assert_eq!(reads(&staff).await[before..], [opened]);
    // Each operator leaves their own, by whichever field the text is shown.
    other
        .data("query($id: ID) { ledgerEntries(userId: $id) { nodes { chat { response } } } }", json!({ "id": mias }))
        .await;
    let all = reads(&staff).await;
    assert_eq!(all.len(), before + 2);
    assert_eq!((&all[before + 1][0], &all[before + 1][2]), (&json!("other"), &json!("mia")));
    // The next hour has its own.
    app.clock.advance(Duration::from_secs(3600));
    staff.data(LIST, json!({ "id": mias })).await;
    assert_eq!(reads(&staff).await.last(), Some(&listed));
    // It is with what was done to the user.
    let trail = "query($id: ID) { auditTrail(targetId: $id, actions: [CHAT_READ]) { totalCount } }";
    let of_mia = all.iter().filter(|read| read[2] == "mia").count() + 1;
    assert_eq!(staff.data(trail, json!({ "id": mias })).await["auditTrail"]["totalCount"], of_mia);
    assert!(!format!("{all:?}").contains("three"), "the trail repeats nothing of it");
}

#[apply(on_both_databases)]
async fn a_search_is_a_reading_and_the_switch_turns_traces_off(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("staff").await);
    mia.say("echo", "a needle").await;
    staff.data("{ chats(search: \"needle\") { totalCount nodes { id } } }", json!({})).await;
    assert_eq!(reads(&staff).await.len(), 1, "who was found, and for what, tells what was said");
    let app = TestApp::with(on, "audit.chat_reads = false").await;
    let (mia, staff) = (app.user("mia").await, app.staff("staff").await);
    mia.say("echo", "a needle").await;
    staff.data(LIST, json!({ "id": mia.global_id().await })).await;
    assert_eq!(reads(&staff).await, Vec::<Value>::new());
}

#[apply(on_both_databases)]
async fn operators_see_and_end_the_sessions_of_a_user(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff, root) = (app.user("mia").await, app.staff("staff").await, app.superuser("root").await);
    let (id, staffs) = (mia.global_id().await, staff.global_id().await);
    let sessions = "query($id: ID!) { userSessions(userId: $id) { totalCount nodes { userAgent current createdAt } } }";
    let found = staff.data(sessions, json!({ "id": id })).await["userSessions"].take();
    assert_eq!((&found["totalCount"], &found["nodes"][0]["userAgent"]), (&json!(1), &json!("test")));
    assert_eq!(found["nodes"][0]["current"], false, "not of this request");
    let key = crate::api_keys::with_key(&mia, json!({ "name": "k", "scopes": ["READ"] })).await.0;
    let log_out =
        "mutation($id: ID!) { logOutUser(input: {userId: $id}) { user { username isActive } errors { code } } }";
    let ended = staff.data(log_out, json!({ "id": id })).await["logOutUser"].take();
    assert_eq!(ended, json!({ "user": { "username": "mia", "isActive": true }, "errors": [] }));
    assert_eq!(mia.code("{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    assert_eq!(key.data("{ me { username } }", json!({})).await["me"]["username"], "mia", "keys are no sessions");
    assert_eq!(staff.data(sessions, json!({ "id": id })).await["userSessions"]["totalCount"], 0);
    let trail = "{ auditTrail(actions: [USER_LOG_OUT]) { nodes { actorName targetName targetId } } }";
    let events = root.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    assert_eq!(events, json!([{ "actorName": "staff", "targetName": "mia", "targetId": id }]));
    // Operators are for superusers.
    let other = app.staff("other").await;
    assert_eq!(other.code(log_out, json!({ "id": staffs })).await, "FORBIDDEN");
    assert_eq!(root.data(log_out, json!({ "id": staffs })).await["logOutUser"]["errors"], json!([]));
    assert_eq!(staff.code("{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    assert_eq!(root.data(log_out, json!({ "id": "nonsense" })).await["logOutUser"]["errors"][0]["code"], "NOT_FOUND");
    assert_eq!(root.code(sessions, json!({ "id": "nonsense" })).await, "NOT_FOUND");
}
