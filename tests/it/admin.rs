//! What operators may do, and what they may not.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Client, On, TestApp};

const ADJUST: &str = "mutation($id: ID!, $amount: Tokens!, $key: String) {
    adjustBalance(input: {userId: $id, amount: $amount, reason: \"thanks\", idempotencyKey: $key}) {
        balance { tokens held } errors { code field } } }";
const UPDATE: &str = "mutation($input: UpdateUserInput!) {
    updateUser(input: $input) { user { isActive isStaff isSuperuser } errors { code } } }";

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn staff_see_everybody_and_adjust_balances(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    mia.say("echo", "Hello").await;
    let id = mia.global_id().await;
    let users =
        staff.data("{ users(search: \"MI\") { totalCount nodes { username balance { tokens } } } }", json!({})).await;
    let expected = json!({ "totalCount": 1, "nodes": [{ "username": "mia", "balance": { "tokens": 3900 } }] });
    assert_eq!(users["users"], expected);
    for _ in 0..2 {
        let adjusted = staff.data(ADJUST, json!({ "id": id, "amount": 600, "key": "k" })).await;
        assert_eq!(adjusted["adjustBalance"], json!({ "balance": { "tokens": 4500, "held": 0 }, "errors": [] }));
    }
    let too_much = staff.data(ADJUST, json!({ "id": id, "amount": -4501 })).await;
    assert_eq!(too_much["adjustBalance"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "amount" }]));

    let chats = staff
        .data("query($id: ID!) { chats(userId: $id) { nodes { message user { username } } } }", json!({ "id": id }))
        .await;
    assert_eq!(chats["chats"]["nodes"], json!([{ "message": "Hello", "user": { "username": "mia" } }]));
    let entries =
        "query($id: ID!) { ledgerEntries(userId: $id, first: 1) { nodes { amount reason note actor { username } } } }";
    let entries = staff.data(entries, json!({ "id": id })).await;
    let expected =
        json!([{ "amount": 600, "reason": "ADJUSTMENT", "note": "thanks", "actor": { "username": "operator" } }]);
    assert_eq!(entries["ledgerEntries"]["nodes"], expected);
    let trail = "query($id: ID!) { auditTrail(userId: $id) { nodes { action actorName targetName details user { username } } } }";
    let trail = staff.data(trail, json!({ "id": id })).await;
    let actions: Vec<_> =
        trail["auditTrail"]["nodes"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["balance.adjust", "user.create"], "the repeated adjustment is no deed");
    let own = mia.data("{ ledgerHistory(first: 1) { nodes { note actor { username } } } }", json!({})).await;
    assert_eq!(own["ledgerHistory"]["nodes"], json!([{ "note": "thanks", "actor": null }]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn plain_users_and_strangers_may_do_none_of_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = tom.global_id().await;
    let attempts = [
        ("{ users { nodes { id } } }", json!({})),
        ("query($id: ID!) { user(id: $id) { id } }", json!({ "id": id })),
        ("{ chats { nodes { id } } }", json!({})),
        ("{ ledgerEntries { nodes { id } } }", json!({})),
        ("{ auditTrail { nodes { id } } }", json!({})),
        (ADJUST, json!({ "id": id, "amount": 1 })),
        (UPDATE, json!({ "input": { "userId": id, "active": false } })),
        ("mutation($id: ID!) { deleteUser(input: {userId: $id}) { errors { code } } }", json!({ "id": id })),
        (
            "mutation($id: ID!) { setPassword(input: {userId: $id, password: \"x\"}) { errors { code } } }",
            json!({ "id": id }),
        ),
        ("mutation { createUser(input: {username: \"x\", password: \"y\"}) { errors { code } } }", json!({})),
    ];
    for (query, variables) in attempts {
        assert_eq!(mia.code(query, variables.clone()).await, "FORBIDDEN", "{query}");
        assert_eq!(app.anonymous().code(query, variables).await, "UNAUTHENTICATED", "{query}");
    }
    assert_eq!(app.balance(&tom).await, (4000, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_things_are_like_things_that_are_not(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let chat = mia.say("echo", "secret").await["chat"]["id"].clone();
    let mine = "query($id: ID!) { chat(id: $id) { message } node(id: $id) { id } }";
    assert_eq!(mia.data(mine, json!({ "id": chat })).await["chat"]["message"], "secret");
    let theirs = tom.graphql(mine, json!({ "id": chat })).await;
    let none = tom.graphql(mine, json!({ "id": "Q2hhdDo5OTk5OTk" })).await;
    assert_eq!(theirs, none);
    assert_eq!(theirs["errors"][0]["extensions"]["code"], "NOT_FOUND");
    assert_eq!(theirs["data"], json!({ "chat": null, "node": null }));
    let id = mia.global_id().await;
    assert_eq!(tom.data("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await["node"], Value::Null);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_superusers_touch_staff_and_roles(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff, root) = (app.user("mia").await, app.staff("operator").await, app.superuser("root").await);
    let (mia_id, staff_id, root_id) = (mia.global_id().await, staff.global_id().await, root.global_id().await);
    let update = |client: &Client, input: Value| {
        let client = client.clone();
        async move { client.graphql(UPDATE, json!({ "input": input })).await }
    };
    let code = |answer: &Value| answer["errors"][0]["extensions"]["code"].clone();
    for input in [
        json!({ "userId": mia_id, "staff": true }),
        json!({ "userId": staff_id, "superuser": true }),
        json!({ "userId": root_id, "active": false }),
        json!({ "userId": staff_id, "active": false }),
    ] {
        assert_eq!(code(&update(&staff, input.clone()).await), "FORBIDDEN", "{input}");
    }
    let deactivated = update(&staff, json!({ "userId": mia_id, "active": false })).await;
    assert_eq!(deactivated["data"]["updateUser"]["user"]["isActive"], false);
    let promoted = update(&root, json!({ "userId": mia_id, "active": true, "staff": true })).await;
    assert_eq!(
        promoted["data"]["updateUser"]["user"],
        json!({ "isActive": true, "isStaff": true, "isSuperuser": false })
    );
    let last = update(&root, json!({ "userId": root_id, "superuser": false })).await;
    assert_eq!(last["data"]["updateUser"]["errors"], json!([{ "code": "CONFLICT" }]), "somebody must be left");
    let create = "mutation { createUser(input: {username: \"deputy\", password: \"tr0ub4dor&3-staple\", staff: true}) {
        user { isStaff } errors { code } } }";
    assert_eq!(staff.code(create, json!({})).await, "FORBIDDEN");
    assert_eq!(root.data(create, json!({})).await["createUser"]["user"]["isStaff"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_and_its_ledger_stays(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    mia.say("echo", "Hello").await;
    let id = mia.global_id().await;
    let deleted = "mutation($id: ID!) { deleteUser(input: {userId: $id}) { deletedUserId errors { code } } }";
    assert_eq!(staff.data(deleted, json!({ "id": id })).await["deleteUser"]["deletedUserId"], id);
    assert_eq!(staff.data("{ chats { totalCount } }", json!({})).await["chats"]["totalCount"], 0);
    let entries = "query($id: ID!) { ledgerEntries(userId: $id) { nodes { reason amount user { id } chat { id } } } }";
    let entries = staff.data(entries, json!({ "id": id })).await;
    assert_eq!(
        entries["ledgerEntries"]["nodes"],
        json!([
            { "reason": "ACCOUNT_CLOSED", "amount": -3900, "user": null, "chat": null },
            { "reason": "CHAT_DONE", "amount": -100, "user": null, "chat": null },
            { "reason": "SIGNUP_GRANT", "amount": 4000, "user": null, "chat": null },
        ])
    );
    let again = app.user("mia").await;
    assert_ne!(again.user_id(), mia.user_id(), "ids are never used again");
}
