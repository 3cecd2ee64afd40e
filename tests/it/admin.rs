//! The permissions of operators.

use std::time::Duration;

use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::socket::{Event, Events};
use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

const ADJUST: &str = "mutation($id: ID!, $amount: Tokens!, $key: String) {
    adjustBalance(input: {userId: $id, amount: $amount, reason: \"thanks\", idempotencyKey: $key}) {
        balance { tokens held } errors { code field } } }";
const UPDATE: &str = "mutation($input: UpdateUserInput!) {
    updateUser(input: $input) { user { isActive isStaff isSuperuser } errors { code } } }";

#[apply(on_both_databases)]
async fn staff_see_everybody_and_adjust_balances(on: On) {
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
    let trail = "query($id: ID!) { auditTrail(targetId: $id) { nodes { action actorName targetName details user { username } } } }";
    let trail = staff.data(trail, json!({ "id": id })).await;
    let actions: Vec<_> =
        trail["auditTrail"]["nodes"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["chat.read", "balance.adjust", "user.create"], "a duplicate adjustment is not audited");
    let own = mia.data("{ ledgerHistory(first: 1) { nodes { note actor { username } } } }", json!({})).await;
    assert_eq!(own["ledgerHistory"]["nodes"], json!([{ "note": "thanks", "actor": null }]));
}

#[apply(on_both_databases)]
async fn plain_users_and_strangers_may_do_none_of_it(on: On) {
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

#[apply(on_both_databases)]
async fn somebody_elses_things_are_like_things_that_are_not(on: On) {
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

#[apply(on_both_databases)]
async fn only_superusers_touch_staff_and_roles(on: On) {
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
    let promotion = json!({ "userId": mia_id, "active": true, "staff": true, "ownPassword": PASSWORD });
    let promoted = update(&root, promotion).await;
    assert_eq!(
        promoted["data"]["updateUser"]["user"],
        json!({ "isActive": true, "isStaff": true, "isSuperuser": false })
    );
    let last = update(&root, json!({ "userId": root_id, "superuser": false, "ownPassword": PASSWORD })).await;
    assert_eq!(last["data"]["updateUser"]["errors"], json!([{ "code": "CONFLICT" }]), "one superuser must be left");
    let create = "mutation($own: String) {
        createUser(input: {username: \"deputy\", password: \"tr0ub4dor&3-staple\", staff: true, ownPassword: $own}) {
            user { isStaff } errors { code field } } }";
    let own = json!({ "own": PASSWORD });
    assert_eq!(staff.code(create, own.clone()).await, "FORBIDDEN");
    let unconfirmed = root.data(create, json!({})).await["createUser"].take();
    assert_eq!(unconfirmed, json!({ "user": null, "errors": [{ "code": "INVALID_INPUT", "field": "ownPassword" }] }));
    assert_eq!(root.data(create, own).await["createUser"]["user"]["isStaff"], true);
}

#[apply(on_both_databases)]
async fn roles_change_with_the_password_of_the_superuser(on: On) {
    let app = TestApp::with(on, "auth.login_attempts_before_delay = 3").await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    let id = mia.global_id().await;
    let update = "mutation($input: UpdateUserInput!) { updateUser(input: $input) {
        user { isStaff isActive } errors { code field } } }";
    let errors = async |client: &Client, input: Value| {
        client.data(update, json!({ "input": input })).await["updateUser"]["errors"].take()
    };
    let of_password = json!([{ "code": "INVALID_INPUT", "field": "ownPassword" }]);
    for roles in [json!({ "staff": true }), json!({ "superuser": true }), json!({ "staff": false, "active": true })] {
        let mut input = roles.clone();
        input["userId"] = json!(id);
        assert_eq!(errors(&root, input.clone()).await, of_password, "without a password: {roles}");
    }
    // A key with all scopes is no way around it.
    let key = json!({ "name": "all", "scopes": ["ADMIN", "READ", "WRITE"] });
    let (program, _) = crate::api_keys::with_key(&root, key).await;
    assert_eq!(errors(&program, json!({ "userId": id, "superuser": true })).await, of_password);
    // What is no role takes no password, but a wrong one is never ignored.
    assert_eq!(errors(&root, json!({ "userId": id, "active": false })).await, json!([]));
    assert_eq!(errors(&root, json!({ "userId": id, "active": true, "ownPassword": "wrong" })).await, of_password);
    for _ in 0..2 {
        assert_eq!(errors(&root, json!({ "userId": id, "staff": true, "ownPassword": "wrong" })).await, of_password);
    }
    assert!(!app.is_staff(&mia).await);
    // They count as failed log-ins: the right one has to wait too, and so has a log-in.
    let limited = errors(&root, json!({ "userId": id, "staff": true, "ownPassword": "wrong" })).await;
    assert_eq!(limited[0]["code"], "INVALID_INPUT", "the attempt that begins the wait");
    let right = json!({ "userId": id, "staff": true, "ownPassword": PASSWORD });
    assert_eq!(errors(&root, right.clone()).await[0]["code"], "RATE_LIMITED");
    let login =
        "mutation($password: String!) { login(input: {username: \"root\", password: $password}) { errors { code } } }";
    let login = app.anonymous().graphql(login, json!({ "password": PASSWORD })).await;
    assert!(login.to_string().contains("RATE_LIMITED"), "{login}");
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(errors(&root, right).await, json!([]));
    assert!(app.is_staff(&mia).await);
    // With the password of an operator one could log in as that operator.
    let set = "mutation($id: ID!, $own: String) {
        setPassword(input: {userId: $id, password: \"tr0ub4dor&3-staple\", ownPassword: $own}) {
            errors { code field } } }";
    let set =
        async |own: Option<&str>| root.data(set, json!({ "id": id, "own": own })).await["setPassword"]["errors"].take();
    assert_eq!(set(None).await, of_password);
    assert_eq!(set(Some("wrong")).await, of_password);
    assert_eq!(set(Some(PASSWORD)).await, json!([]));
    // The command line grants without one.
    let demotion = admin::UserUpdate { staff: Some(false), ..Default::default() };
    admin::update(&app.app, Actor::CommandLine, mia.user_id(), demotion).await.unwrap();
    assert!(!app.is_staff(&mia).await);
    assert_eq!(set(None).await, json!([]), "mia is no operator any more");
}

#[apply(on_both_databases)]
async fn a_deleted_account_is_gone_and_its_ledger_stays(on: On) {
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

#[apply(on_both_databases)]
async fn operators_delete_chats_and_the_trail_tells(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (staff, root) = (app.staff("operator").await, app.superuser("root").await);
    let delete = "mutation($id: ID!) { deleteChat(input: {chatId: $id}) { deletedId errors { code } } }";
    let ended = mia.say("echo", "a secret").await["chat"]["id"].take();
    app.model.play([Step::Say("half a secret"), Step::Hang]);
    let open = "mutation { startMessage(input: {model: \"scripted\", message: \"b\"}) { chat { id } } }";
    let open = mia.data(open, json!({})).await["startMessage"]["chat"]["id"].take();
    let roots = root.say("echo", "hello").await["chat"]["id"].take();
    for (client, id, code) in [(&tom, &ended, "NOT_FOUND"), (&mia, &roots, "NOT_FOUND"), (&staff, &roots, "FORBIDDEN")]
    {
        let refused = client.graphql(delete, json!({ "id": id })).await;
        let errors = [&refused["data"]["deleteChat"]["errors"][0]["code"], &refused["errors"][0]["extensions"]["code"]];
        assert!(errors.contains(&&json!(code)), "{refused}");
    }
    let response = "query($id: ID!) { chat(id: $id) { response } }";
    while mia.data(response, json!({ "id": open })).await["chat"]["response"] == "" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for id in [&ended, &open] {
        let deleted = staff.data(delete, json!({ "id": id })).await;
        assert_eq!(deleted["deleteChat"], json!({ "deletedId": id, "errors": [] }));
    }
    assert_eq!(root.data(delete, json!({ "id": roots })).await["deleteChat"]["errors"], json!([]));
    assert_eq!(staff.data("{ chats { totalCount } }", json!({})).await["chats"]["totalCount"], 0);
    let gone = staff.data(delete, json!({ "id": ended })).await;
    assert_eq!(gone["deleteChat"]["errors"], json!([{ "code": "NOT_FOUND" }]));
    // The open chat was stopped, and its partial reply is charged.
    let ledger = app.ledger(&mia).await;
    let paid = [("ChatDone".to_owned(), -100), ("ChatStopped".to_owned(), -100)];
    assert_eq!(ledger[1..], paid);

    let trail = "query($id: ID) { auditTrail(targetId: $id) {
        nodes { action actorName targetId targetName details user { username } } } }";
    let events = staff.data(trail, json!({ "id": ended })).await["auditTrail"]["nodes"].take();
    let details: Value = serde_json::from_str(events[0]["details"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&events[0]["action"], &events[0]["actorName"], &events[0]["targetId"], &events[0]["targetName"]),
        (&json!("chat.delete"), &json!("operator"), &ended, &json!("mia"))
    );
    assert_eq!(
        (&details["cost"], &details["status"], &events[0]["user"]["username"]),
        (&json!(100), &json!("DONE"), &json!("mia"))
    );
    assert!(!events.to_string().contains("secret"), "what was said is gone: {events}");
    assert_eq!(events.as_array().unwrap().len(), 1);
    let all = staff.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    let deletions = all.as_array().unwrap().iter().filter(|event| event["action"] == "chat.delete").count();
    assert_eq!(deletions, 2, "deleting one's own is not audited: {all}");
    let of_mia = staff.data(trail, json!({ "id": mia.global_id().await })).await["auditTrail"]["nodes"].take();
    let actions: Vec<_> = of_mia.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["chat.delete", "chat.delete", "user.create"], "what was done to what is theirs too");
    assert_eq!(mia.code(trail, json!({ "id": ended })).await, "FORBIDDEN");
    assert_eq!(staff.code(trail, json!({ "id": "nonsense" })).await, "NOT_FOUND");
}

#[apply(on_both_databases)]
async fn the_trail_and_the_ledger_are_read_by_time(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    let adjust = "mutation($id: ID!, $amount: Tokens!, $reason: String!) {
        adjustBalance(input: {userId: $id, amount: $amount, reason: $reason}) { errors { code } } }";
    let id = mia.global_id().await;
    for (amount, reason) in [(1, "one"), (-2, "=two, \"quoted\"")] {
        app.clock.advance(Duration::from_secs(86_400));
        staff.data(adjust, json!({ "id": id, "amount": amount, "reason": reason })).await;
    }
    // The clock starts at 2026-03-01T12:00:00Z.
    let amounts = async |client: &Client, list: &str, arguments: &str| {
        let query = format!("{{ list: {list}{arguments} {{ nodes {{ amount }} totalCount }} }}");
        let found = client.data(&query, json!({})).await["list"].take();
        let nodes: Vec<_> = found["nodes"].as_array().unwrap().iter().map(|entry| entry["amount"].clone()).collect();
        assert_eq!(found["totalCount"], nodes.len());
        json!(nodes)
    };
    for (times, expected) in [
        ("since: \"2026-03-02T00:00:00Z\"", json!([-2, 1])),
        ("since: \"2026-03-02T00:00:00Z\", until: \"2026-03-03T00:00:00Z\"", json!([1])),
        ("until: \"2026-03-02T00:00:00Z\"", json!([4000])),
        ("since: \"2026-03-04T00:00:00Z\"", json!([])),
        ("since: \"9999-12-31T23:59:59Z\"", json!([])),
        ("since: \"0000-01-01T00:00:00Z\"", json!([-2, 1, 4000])),
        ("since: \"-262143-01-01T00:00:00Z\", until: \"+262142-12-31T23:59:59Z\"", json!([-2, 1, 4000])),
    ] {
        assert_eq!(amounts(&mia, "ledgerHistory", &format!("({times})")).await, expected, "{times}");
        let of_mia = format!("(userId: \"{id}\", {times})");
        assert_eq!(amounts(&staff, "ledgerEntries", &of_mia).await, expected, "{times}");
    }
    let events = "{ auditTrail(since: \"2026-03-03T00:00:00Z\") { totalCount } }";
    assert_eq!(staff.data(events, json!({})).await["auditTrail"]["totalCount"], 1);

    let address = app.serve().await;
    let download = async |client: &Client, query: &str| {
        let mut events = Events::open(address, client.access.as_deref(), query, json!({ "id": id })).await;
        let mut whole = String::new();
        loop {
            match events.next().await {
                Event::Next(part) => {
                    let part = part["data"]["part"]["text"].as_str().unwrap_or_else(|| panic!("{part}")).to_owned();
                    whole.push_str(&part);
                }
                _ => return whole,
            }
        }
    };
    let all = "subscription($id: ID) { part: exportLedgerEntries(userId: $id) { text } }";
    let whole = download(&staff, all).await;
    let head = "\u{feff}entry_id,created_at,user_id,user,reason,amount,balance_after,note,actor,chat_id,group_id\r\n";
    let user = mia.user_id();
    let lines = [
        format!("2026-03-01T12:00:00.123456Z,{user},mia,SIGNUP_GRANT,4000,4000,,,,"),
        format!("2026-03-02T12:00:00.123456Z,{user},mia,ADJUSTMENT,1,4001,one,operator,,"),
        format!("2026-03-03T12:00:00.123456Z,{user},mia,ADJUSTMENT,-2,3999,\"'=two, \"\"quoted\"\"\",operator,,"),
    ];
    let without_ids: Vec<_> =
        whole.strip_prefix(head).unwrap().lines().map(|line| line.split_once(',').unwrap().1).collect();
    assert_eq!(without_ids, lines);
    let own =
        download(&mia, "subscription { part: exportLedgerHistory(since: \"2026-03-02T00:00:00Z\") { text } }").await;
    assert_eq!(own.lines().count(), 3);
    assert!(!own.contains("operator"), "who did it is for operators: {own}");
    let everybody = download(&staff, "subscription { part: exportLedgerEntries { text } }").await;
    assert_eq!(everybody.lines().count(), 5, "two grants, two adjustments: {everybody}");
    let refused = Events::request(address, mia.access.as_deref(), all, json!({})).await.text().await.unwrap();
    assert!(refused.contains("FORBIDDEN"), "{refused}");
}
