//! API keys: scopes, spending limits, expiry and revocation.

use std::time::Duration;

use jeton::domain::session::api_key::{self, NewApiKey};
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::{Client, On, Step, TestApp, on_both_databases};

const CREATE: &str = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    secret apiKey { id prefix name scopes models active } errors { code field message } } }";
const KEYS: &str = "{ apiKeys { totalCount nodes { id prefix active lastUsedAt revokedAt
    spending { total held today thisMonth totalLimit dailyLimit monthlyLimit } } } }";

/// Creates a key. Returns a client that uses it, and the key's id.
pub async fn with_key(client: &Client, input: Value) -> (Client, String) {
    let made = client.data(CREATE, json!({ "input": input })).await["createApiKey"].take();
    assert_eq!(made["errors"], json!([]), "{made}");
    let mut program = client.clone();
    program.access = Some(made["secret"].as_str().unwrap().to_owned());
    (program, made["apiKey"]["id"].as_str().unwrap().to_owned())
}

async fn spending(client: &Client) -> Value {
    client.data(KEYS, json!({})).await["apiKeys"]["nodes"][0]["spending"].take()
}

/// Calls `/v1`. Returns the HTTP status.
async fn ask(client: &Client, model: &str) -> u16 {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }] });
    client.post("/v1/chat/completions", body).await.status.as_u16()
}

#[apply(on_both_databases)]
async fn a_key_is_shown_once_and_opens_what_it_was_made_for(on: On) {
    let app = TestApp::start(on).await;
    let root = app.superuser("root").await;
    let made = root.data(CREATE, json!({ "input": { "name": " my tool " } })).await["createApiKey"].take();
    let secret = made["secret"].as_str().unwrap();
    let key = &made["apiKey"];
    assert!(secret.starts_with(key["prefix"].as_str().unwrap()) && secret.len() == 80, "{made}");
    assert_eq!(
        (&key["name"], &key["scopes"], &key["models"]),
        (&json!("my tool"), &json!(["COMPLETIONS"]), &Value::Null)
    );

    let send = "mutation { sendMessage(input: {message: \"Hi\"}) { errors { code } } }";
    let history = "{ chatHistory { totalCount } }";
    let users = "{ users { totalCount } }";
    let password = "mutation { changePassword(input: {oldPassword: \"x\", newPassword: \"y\"}) { errors { code } } }";
    let ok = "ok";
    for (scopes, completion, rest_balance, verdicts) in [
        (json!(["COMPLETIONS"]), 200, 403, ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN"]),
        (json!(["READ"]), 403, 200, ["FORBIDDEN", ok, "FORBIDDEN"]),
        (json!(["WRITE"]), 403, 200, [ok, ok, "FORBIDDEN"]),
        (json!(["ADMIN"]), 403, 200, ["FORBIDDEN", ok, ok]),
        (json!(["COMPLETIONS", "WRITE", "ADMIN"]), 200, 200, [ok, ok, ok]),
    ] {
        let (program, _) = with_key(&root, json!({ "name": "k", "scopes": scopes })).await;
        assert_eq!(ask(&program, "echo").await, completion, "{scopes}");
        assert_eq!(program.get("/api/user/balance/").await.status, rest_balance, "{scopes}");
        for (query, verdict) in [send, history, users].into_iter().zip(verdicts) {
            let answer = program.graphql(query, json!({})).await;
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or(ok);
            assert_eq!(code, verdict, "{scopes} {query}: {answer}");
        }
        // The account itself requires a session.
        for query in
            [password, KEYS, "{ sessions { totalCount } }", "mutation { logout(input: {}) { errors { code } } }"]
        {
            assert_eq!(program.code(query, json!({})).await, "FORBIDDEN", "{scopes} {query}");
        }
        assert_eq!(program.code(CREATE, json!({ "input": { "name": "another" } })).await, "FORBIDDEN");
    }
    let plain = app.user("mia").await;
    let (program, _) = with_key(&plain, json!({ "name": "k", "scopes": ["ADMIN"] })).await;
    assert_eq!(program.code(users, json!({})).await, "FORBIDDEN", "a scope gives no role");
}

#[apply(on_both_databases)]
async fn keys_end_when_they_should(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (staff, root) = (app.staff("operator").await, app.superuser("root").await);
    let revoke = "mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { apiKey { active } errors { code } } }";
    let (program, id) = with_key(&mia, json!({ "name": "one" })).await;
    assert_eq!(ask(&program, "echo").await, 200);
    for wrong in ["jt-", "jt-000000000000", "jt-0000000000000000", "jt-ü"] {
        let mut forged = program.clone();
        forged.access = Some(format!("{wrong}{}", "0".repeat(64)));
        assert_eq!(ask(&forged, "echo").await, 401, "{wrong}");
        let mut cut = program.clone();
        cut.access = Some(program.access.as_ref().unwrap()[..79].to_owned());
        assert_eq!(ask(&cut, "echo").await, 401);
    }
    let of_tom = tom.data(revoke, json!({ "id": id })).await["revokeApiKey"].take();
    assert_eq!(of_tom, json!({ "apiKey": null, "errors": [{ "code": "NOT_FOUND" }] }));
    // An operator revokes it, which is audited.
    let by_staff = staff.data(revoke, json!({ "id": id })).await["revokeApiKey"].take();
    assert_eq!(by_staff, json!({ "apiKey": { "active": false }, "errors": [] }));
    assert_eq!(ask(&program, "echo").await, 401);
    let trail = "query($id: ID!) { auditTrail(targetId: $id) { nodes { action actorName targetId } } }";
    let events = staff.data(trail, json!({ "id": id })).await["auditTrail"]["nodes"].take();
    assert_eq!(events, json!([{ "action": "api_key.revoke", "actorName": "operator", "targetId": id }]));
    let (_, roots) = with_key(&root, json!({ "name": "root's" })).await;
    assert_eq!(staff.code(revoke, json!({ "id": roots })).await, "FORBIDDEN");

    let input = json!({ "name": "two", "expiresAt": "2026-03-02T12:00:00Z" });
    let (program, _) = with_key(&mia, input).await;
    assert_eq!(ask(&program, "echo").await, 200);
    app.clock.advance(Duration::from_secs(86_400));
    assert_eq!(ask(&program, "echo").await, 401);
    let (program, _) = with_key(&mia, json!({ "name": "three" })).await;
    mia.data("mutation { logoutEverywhere(input: {}) { errors { code } } }", json!({})).await;
    assert_eq!(ask(&program, "echo").await, 200, "keys are not sessions");
    let update = "mutation($id: ID!) { updateUser(input: {userId: $id, active: false}) { errors { code } } }";
    let id = program.data("{ __typename }", json!({})).await;
    assert_eq!(id["__typename"], "Query");
    let users = "{ users(search: \"mia\") { nodes { id } } }";
    let id = root.data(users, json!({})).await["users"]["nodes"][0]["id"].take();
    root.data(update, json!({ "id": id })).await;
    assert_eq!(ask(&program, "echo").await, 401, "deactivated");
}

#[apply(on_both_databases)]
async fn every_mistake_of_a_new_key_is_named(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let input = json!({
        "name": " ", "models": ["echo", "none"], "expiresAt": "2026-03-01T12:00:00Z",
        "spendingLimit": { "total": 0, "perDay": -1 },
    });
    let refused = mia.data(CREATE, json!({ "input": input })).await["createApiKey"]["errors"].take();
    let fields: Vec<_> = refused.as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["name", "models", "expiresAt", "total", "perDay"]);
    for number in 0..100 {
        with_key(&mia, json!({ "name": number.to_string() })).await;
    }
    let refused = mia.data(CREATE, json!({ "input": { "name": "one more" } })).await["createApiKey"].take();
    assert_eq!(refused["errors"][0]["code"], "CONFLICT");
    assert_eq!(app.anonymous().code(CREATE, json!({ "input": { "name": "x" } })).await, "UNAUTHENTICATED");
}

#[apply(on_both_databases)]
async fn fifty_calls_at_once_pass_no_limit_of_their_key(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    for limit in ["total", "perDay", "perMonth"] {
        let mut input = json!({ "name": limit, "spendingLimit": {} });
        input["spendingLimit"][limit] = json!(1050);
        let (program, _) = with_key(&mia, input).await;
        let before = app.balance(&mia).await.0;
        let calls = (0..50).map(|_| ask(&program, "echo"));
        let statuses = futures::future::join_all(calls).await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{limit}: {statuses:?}");
        assert!(statuses.iter().all(|status| [200, 402].contains(status)), "{statuses:?}");
        assert_eq!(app.balance(&mia).await, (before - 1000, 0));
        let spent = spending(&mia).await;
        assert_eq!((&spent["total"], &spent["held"], &spent["today"]), (&json!(1000), &json!(0), &json!(1000)));
    }
    // Metered: the hold for the longest affordable reply blocks other calls, and the released part admits them.
    app.model.play([Step::Say("x"), Step::End(Some(jeton::infra::ai::Usage::of(100, 100)))]);
    let (program, _) = with_key(&mia, json!({ "name": "m", "spendingLimit": { "total": 7 } })).await;
    let statuses = futures::future::join_all((0..50).map(|_| ask(&program, "metered"))).await;
    assert!(statuses.contains(&200));
    let spent = spending(&mia).await;
    assert!(spent["total"].as_i64().unwrap() <= 7, "{spent}");
    assert_eq!(spent["held"], 0);
}

#[apply(on_both_databases)]
async fn a_key_without_means_is_refused_alone(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (poor, _) = with_key(&mia, json!({ "name": "poor", "spendingLimit": { "total": 100 } })).await;
    let (other, _) = with_key(&mia, json!({ "name": "other", "models": ["echo"] })).await;
    let (rich, _) = with_key(&tom, json!({ "name": "rich" })).await;
    app.model.play([Step::Say("x"), Step::End(Some(jeton::infra::ai::Usage::of(100, 100)))]);
    let calls = (0..60).map(|number| {
        let (name, key, model) = match number % 6 {
            0 => ("poor", poor.clone(), "echo"),
            1 => ("other", other.clone(), "metered"),
            2 => ("metered", rich.clone(), "metered"),
            _ => ("rich", rich.clone(), "echo"),
        };
        async move { (name, ask(&key, model).await) }
    });
    let statuses = futures::future::join_all(calls).await;
    let count = |name, status| statuses.iter().filter(|answered| **answered == (name, status)).count();
    assert_eq!((count("poor", 200), count("poor", 402)), (1, 9), "{statuses:?}");
    assert_eq!((count("other", 404), count("metered", 200), count("rich", 200)), (10, 10, 30), "{statuses:?}");
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[apply(on_both_databases)]
async fn limits_of_days_and_months_begin_again(on: On) {
    let app = TestApp::with(on, "auth.access_ttl = '100d'").await;
    let mia = app.user("mia").await;
    let day = Duration::from_secs(86_400);
    let input = json!({ "name": "k", "spendingLimit": { "perDay": 200, "perMonth": 300 } });
    let (program, _) = with_key(&mia, input).await;
    for (status, days_after) in [(200, 0), (200, 0), (402, 1), (200, 1), (402, 29), (200, 0)] {
        assert_eq!(ask(&program, "echo").await, status);
        app.clock.advance(day * days_after);
    }
    let spent = spending(&mia).await;
    let expected = json!({ "total": 400, "held": 0, "today": 100, "thisMonth": 100,
        "totalLimit": null, "dailyLimit": 200, "monthlyLimit": 300 });
    assert_eq!(spent, expected);
    // A hold of yesterday counts until it is settled, and is then charged on the day of its settlement.
    app.model.play([Step::Say("half"), Step::Hang]);
    let (program, id) =
        with_key(&mia, json!({ "name": "w", "scopes": ["WRITE"], "spendingLimit": { "perDay": 100 } })).await;
    let start = "mutation { startMessage(input: {model: \"scripted\", message: \"Hi\"}) { chat { id apiKeyId } } }";
    let chat = program.data(start, json!({})).await["startMessage"]["chat"].take();
    assert_eq!(chat["apiKeyId"], id);
    app.clock.advance(day);
    let send = "mutation { sendMessage(input: {message: \"Hi\"}) { chat { id } errors { code } } }";
    assert_eq!(
        program.data(send, json!({})).await["sendMessage"]["errors"],
        json!([{ "code": "INSUFFICIENT_TOKENS" }])
    );
    let response = "query($id: ID!) { chat(id: $id) { response } }";
    while program.data(response, json!({ "id": chat["id"] })).await["chat"]["response"] == "" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stop = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status cost } } }";
    assert_eq!(program.data(stop, json!({ "id": chat["id"] })).await["stopMessage"]["chat"]["cost"], 100);
    assert_eq!(spending(&mia).await["today"], 100);
    app.clock.advance(day);
    assert_eq!(program.data(send, json!({})).await["sendMessage"]["errors"], json!([]));
}

#[apply(on_both_databases)]
async fn a_key_asks_its_own_models_only(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let (program, _) = with_key(&mia, json!({ "name": "k", "models": ["scripted"] })).await;
    assert_eq!((ask(&program, "scripted").await, ask(&program, "echo").await), (200, 404));
    let models = program.get("/v1/models").await.json();
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
    assert_eq!(program.get("/v1/models/scripted").await.json()["id"], "scripted");
    assert_eq!(program.get("/v1/models/echo").await.status, 404);
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[apply(on_both_databases)]
async fn a_streams_key_is_watched_like_a_session(on: On) {
    use crate::support::socket::Socket;
    let app = TestApp::start(on).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    let (program, id) = with_key(&mia, json!({ "name": "k", "scopes": ["READ"] })).await;
    let mut socket = Socket::begin(address, program.access.as_deref()).await;
    socket.subscribe("1", "subscription { balanceChanged { tokens } }", json!({})).await;
    assert_eq!(socket.hear_next("1").await["data"]["balanceChanged"]["tokens"], 4000);
    let revoke = "mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { errors { code } } }";
    mia.data(revoke, json!({ "id": id })).await;
    assert_eq!(socket.closed().await.0, 4403);
}

#[apply(on_both_databases)]
async fn operators_find_keys_by_name_and_beginning(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    let (program, _) = with_key(&mia, json!({ "name": "a tool" })).await;
    with_key(&staff, json!({ "name": "another" })).await;
    let secret = program.access.unwrap();
    let find = "query($search: String) { userApiKeys(search: $search) { nodes { name user { username } } } }";
    for search in ["tool", &secret[..15], &secret] {
        let found = staff.data(find, json!({ "search": search })).await["userApiKeys"]["nodes"].take();
        assert_eq!(found, json!([{ "name": "a tool", "user": { "username": "mia" } }]), "{search}");
    }
    assert_eq!(mia.code(find, json!({})).await, "FORBIDDEN");
    let new = NewApiKey { name: "made on the command line".to_owned(), ..NewApiKey::default() };
    let (key, secret) = api_key::create_for(&app.app, mia.user_id(), new).await.unwrap();
    assert_eq!(key.user_id, mia.user_id());
    assert!(api_key::revoke_by_prefix(&app.app, &secret).await.unwrap().revoked_at.is_some());
    // No column contains a key.
    let rows = jeton::infra::entity::api_key::Entity::find().all(app.app.db.read()).await.unwrap();
    let stored = format!("{rows:?}");
    assert!(stored.contains(&secret[..15]) && !stored.contains(&secret[16..]), "{stored}");
}
