//! The authorization table: every field of the schema and every route, for every kind of viewer. A field or route
//! without a verdict fails.

use std::collections::BTreeSet;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use axum::body::Body;
use axum::http::Request;
use jeton::core::viewer::Actor;
use jeton::domain::account::Roles;
use jeton::domain::account::admin;
use serde_json::json;

use crate::api_keys::with_key;
use crate::support::socket::{Event, Events};
use crate::support::{Client, On, PASSWORD, TestApp};

/// The verdict of an operation: the first error's code, "null" for no object, or "ok".
pub type Verdict = &'static str;

const OK: Verdict = "ok";
const NULL: Verdict = "null";
const UNAUTHENTICATED: Verdict = "UNAUTHENTICATED";
const FORBIDDEN: Verdict = "FORBIDDEN";
const NOT_FOUND: Verdict = "NOT_FOUND";
const INVALID: Verdict = "INVALID_INPUT";

/// The kinds of viewers, in this order. A revoked session and a deactivated user are rejected before any other check,
/// which is tested for each row too.
const VIEWERS: [&str; 6] = ["anonymous", "key", "other", "owner", "staff", "superuser"];

// The most common verdicts.
/// An object of the owner, not visible to any other viewer; the key has only the scope COMPLETIONS.
const OWN: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, OK, NOT_FOUND, NOT_FOUND];
/// The viewer's own list, which every authenticated viewer has.
const MINE: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, OK, OK, OK, OK];
const STAFF: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK, OK];
const ALL: [Verdict; 6] = [OK; 6];
/// With the wrong password of this test.
const PERSON: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, INVALID, INVALID, INVALID, INVALID];
/// Actions on operators.
const SUPERUSER: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK];
const STAFF_TOO: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, OK, OK, OK];

/// Each field of the roots: an operation, and the verdicts. `$chat`, `$conversation`, `$session`, `$key` are created
/// for each viewer and belong to the owner; `$user` is created too, as is `$operator`, who is staff; `$name` is unique.
pub const ROOTS: &[(&str, &str, [Verdict; 6])] = &[
    ("Query.apiKeys", "{ it: apiKeys { totalCount } }", MINE),
    ("Query.auditTrail", "{ it: auditTrail { totalCount } }", STAFF),
    ("Query.balance", "{ it: balance { tokens } }", MINE),
    ("Query.chat", "{ it: chat(id: \"$chat\") { id } }", OWN),
    ("Query.chatHistory", "{ it: chatHistory { totalCount } }", MINE),
    ("Query.chats", "{ it: chats { totalCount } }", STAFF),
    ("Query.conversation", "{ it: conversation(id: \"$conversation\") { id } }", OWN),
    ("Query.conversations", "{ it: conversations { totalCount } }", MINE),
    ("Query.ledgerEntries", "{ it: ledgerEntries { totalCount } }", STAFF),
    ("Query.ledgerHistory", "{ it: ledgerHistory { totalCount } }", MINE),
    ("Query.me", "{ it: me { id } }", [NULL, FORBIDDEN, OK, OK, OK, OK]),
    ("Query.models", "{ it: models { name } }", ALL),
    ("Query.node", "{ it: node(id: \"$chat\") { id } }", [NULL, NULL, NULL, OK, OK, OK]),
    ("Query.openTurns", "{ it: openTurns }", STAFF),
    ("Query.sessions", "{ it: sessions { totalCount } }", MINE),
    ("Query.topSpenders", "{ it: topSpenders { tokens } }", STAFF),
    ("Query.usage", "{ it: usage { day } }", STAFF),
    ("Query.user", "{ it: user(id: \"$user\") { id } }", STAFF),
    ("Query.userApiKeys", "{ it: userApiKeys { totalCount } }", STAFF),
    ("Query.users", "{ it: users { totalCount } }", STAFF),
    (
        "Mutation.adjustBalance",
        "mutation { it: adjustBalance(input: {userId: \"$user\", amount: 1, reason: \"x\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.changePassword",
        "mutation { it: changePassword(input: {oldPassword: \"wrong\", newPassword: \"x\"}) { errors { code } } }",
        PERSON,
    ),
    ("Mutation.createApiKey", "mutation { it: createApiKey(input: {name: \"x\"}) { errors { code } } }", MINE),
    ("Mutation.createConversation", "mutation { it: createConversation(input: {}) { errors { code } } }", MINE),
    (
        "Mutation.createUser",
        "mutation { it: createUser(input: {username: \"$name\", password: \"$password\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.deleteAccount",
        "mutation { it: deleteAccount(input: {password: \"wrong\"}) { errors { code } } }",
        PERSON,
    ),
    ("Mutation.deleteChat", "mutation { it: deleteChat(input: {chatId: \"$chat\"}) { errors { code } } }", STAFF_TOO),
    (
        "Mutation.deleteConversation",
        "mutation { it: deleteConversation(input: {conversationId: \"$conversation\"}) { errors { code } } }",
        OWN,
    ),
    ("Mutation.deleteUser", "mutation { it: deleteUser(input: {userId: \"$user\"}) { errors { code } } }", STAFF),
    (
        "Mutation.editMessage",
        "mutation { it: editMessage(input: {chatId: \"$chat\", message: \"x\"}) { errors { code } } }",
        OWN,
    ),
    ("Mutation.endSession", "mutation { it: endSession(input: {sessionId: \"$session\"}) { errors { code } } }", OWN),
    (
        "Mutation.login",
        "mutation { it: login(input: {username: \"$name\", password: \"x\"}) { errors { code } } }",
        [UNAUTHENTICATED; 6],
    ),
    ("Mutation.logout", "mutation { it: logout(input: {}) { errors { code } } }", MINE),
    ("Mutation.logoutEverywhere", "mutation { it: logoutEverywhere(input: {}) { errors { code } } }", MINE),
    (
        "Mutation.refreshToken",
        "mutation { it: refreshToken(input: {refreshToken: \"x\"}) { errors { code } } }",
        [UNAUTHENTICATED; 6],
    ),
    ("Mutation.regenerate", "mutation { it: regenerate(input: {chatId: \"$chat\"}) { errors { code } } }", OWN),
    (
        "Mutation.register",
        "mutation { it: register(input: {username: \"$name\", password: \"$password\"}) { errors { code } } }",
        ALL,
    ),
    (
        "Mutation.renameConversation",
        "mutation { it: renameConversation(input: {conversationId: \"$conversation\", title: \"x\"}) { errors { code } } }",
        OWN,
    ),
    (
        "Mutation.revokeApiKey",
        "mutation { it: revokeApiKey(input: {apiKeyId: \"$key\"}) { errors { code } } }",
        STAFF_TOO,
    ),
    ("Mutation.sendMessage", "mutation { it: sendMessage(input: {message: \"x\"}) { errors { code } } }", MINE),
    (
        "Mutation.setPassword",
        "mutation { it: setPassword(input: {userId: \"$user\", password: \"$password\"}) { errors { code } } }",
        STAFF,
    ),
    ("Mutation.startMessage", "mutation { it: startMessage(input: {message: \"x\"}) { errors { code } } }", MINE),
    ("Mutation.stopMessage", "mutation { it: stopMessage(input: {chatId: \"$chat\"}) { errors { code } } }", OWN),
    ("Mutation.updateUser", "mutation { it: updateUser(input: {userId: \"$user\"}) { errors { code } } }", STAFF),
    ("Subscription.balanceChanged", "subscription { it: balanceChanged { tokens } }", MINE),
    ("Subscription.exportChats", "subscription { it: exportChats(format: JSON) { text } }", MINE),
    ("Subscription.exportLedgerEntries", "subscription { it: exportLedgerEntries { text } }", STAFF),
    ("Subscription.exportLedgerHistory", "subscription { it: exportLedgerHistory { text } }", MINE),
    ("Subscription.replyStream", "subscription { it: replyStream(chatId: \"$chat\") { __typename } }", OWN),
];

/// Operations whose verdict depends on their arguments.
const ARGUMENTS: &[(&str, &str, [Verdict; 6])] = &[
    (
        "roles are for superusers",
        "mutation { it: updateUser(input: {userId: \"$user\", staff: true}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "so are new ones",
        "mutation { it: createUser(input: {username: \"$name\", password: \"$password\", staff: true}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "the balance of an operator",
        "mutation { it: adjustBalance(input: {userId: \"$operator\", amount: 1, reason: \"x\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "an operator's account",
        "mutation { it: updateUser(input: {userId: \"$operator\", active: false}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "an operator's password",
        "mutation { it: setPassword(input: {userId: \"$operator\", password: \"$password\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "deleting an operator",
        "mutation { it: deleteUser(input: {userId: \"$operator\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "somebody else's conversation",
        "mutation { it: sendMessage(input: {message: \"x\", conversationId: \"$conversation\"}) { errors { code } } }",
        OWN,
    ),
    (
        "an export of somebody else's",
        "subscription { it: exportChats(format: JSON, conversationId: \"$conversation\") { text } }",
        OWN,
    ),
    ("somebody as a node", "{ it: node(id: \"$user\") { id } }", [NULL, NULL, NULL, NULL, OK, OK]),
    ("a session as a node", "{ it: node(id: \"$session\") { id } }", [NULL, NULL, NULL, OK, NULL, NULL]),
    ("a conversation as a node", "{ it: node(id: \"$conversation\") { id } }", [NULL, NULL, NULL, OK, NULL, NULL]),
    ("a key as a node", "{ it: node(id: \"$key\") { id } }", [NULL, NULL, NULL, OK, OK, OK]),
];

/// The fields of all other objects. A viewer who sees an object sees its fields; those with a star are tested below.
const FIELDS: &[(&str, &str)] = &[
    ("ApiKey", "active createdAt expiresAt id lastUsedAt models name prefix revokedAt scopes spending user"),
    ("AuditEvent", "action actor actorName createdAt details id targetId targetName user"),
    ("Balance", "held tokens"),
    (
        "Chat",
        "apiKeyId contextLeftOut conversation* cost createdAt error finishedAt hold id message model replacedById \
         response status usage user",
    ),
    ("Conversation", "activeAt chats createdAt id model systemPrompt title"),
    ("ExportPart", "text"),
    ("KeySpending", "dailyLimit held monthlyLimit thisMonth today total totalLimit"),
    ("LedgerEntry", "actor* amount apiKeyId balanceAfter chat createdAt id note reason user"),
    ("Model", "default maxOutput name price window"),
    ("PageInfo", "endCursor hasNextPage hasPreviousPage startCursor"),
    ("Price", "per1kInput per1kOutput perMessage"),
    ("ReplyDelta", "offset seq text"),
    ("ReplyFailed", "chat code message"),
    ("ReplyFinished", "balance chat"),
    ("Session", "createdAt current expiresAt id lastUsedAt userAgent"),
    ("Spender", "messages tokens user"),
    ("Usage", "estimated input output"),
    ("UsageDay", "activeUsers day failures messages model tokens"),
    ("User", "balance createdAt id isActive isStaff isSuperuser lastLoginAt username"),
    ("UserError", "code field message"),
];

/// Each route, and its status for anonymous, a key for COMPLETIONS, and a logged-in user, in this order.
const ROUTES: &[(&str, &str, &str, [u16; 3])] = &[
    ("GET", "/healthz", "{}", [200, 200, 200]),
    ("GET", "/readyz", "{}", [200, 200, 200]),
    ("GET", "/api/openapi.json", "{}", [200, 200, 200]),
    ("GET", "/api/chat/", "{}", [401, 403, 200]),
    ("POST", "/api/chat/", "{\"message\": \"x\"}", [401, 403, 200]),
    ("GET", "/api/user/balance/", "{}", [401, 403, 200]),
    ("GET", "/api/user/profile/", "{}", [401, 403, 200]),
    ("POST", "/api/register/", "{}", [400, 400, 400]),
    ("POST", "/api/token/", "{}", [400, 400, 400]),
    ("POST", "/api/token/refresh/", "{}", [400, 400, 400]),
    ("GET", "/v1/models", "{}", [401, 200, 200]),
    ("GET", "/v1/models/echo", "{}", [401, 200, 200]),
    ("POST", "/v1/chat/completions", "{}", [401, 400, 400]),
];

fn schema() -> Vec<(String, TypeKind)> {
    let document = parse_schema(include_str!("../../schema.graphql")).unwrap();
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node.kind)),
        _ => None,
    });
    types.collect()
}

#[test]
fn no_field_is_without_a_verdict() {
    let (mut roots, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (name, kind) in schema() {
        let TypeKind::Object(object) = kind else { continue };
        let names = object.fields.iter().map(|field| field.node.name.node.as_str());
        if ["Query", "Mutation", "Subscription"].contains(&name.as_str()) {
            roots.extend(names.map(|field| format!("{name}.{field}")));
        } else if !["Payload", "Connection", "Edge"].iter().any(|shape| name.ends_with(shape)) {
            fields.extend(names.map(|field| format!("{name}.{field}")));
        }
    }
    assert_eq!(ROOTS.iter().map(|(field, ..)| (*field).to_owned()).collect::<BTreeSet<_>>(), roots);
    let listed = FIELDS.iter().flat_map(|(name, fields)| {
        fields.split_whitespace().map(move |field| format!("{name}.{}", field.trim_end_matches('*')))
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), fields);
}

struct World {
    app: TestApp,
    address: std::net::SocketAddr,
    viewers: Vec<Client>,
    revoked: Client,
    deactivated: Client,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::with(On::Sqlite, "ledger.signup_grant = 1000000").await;
        let (other, owner) = (app.user("other").await, app.user("owner").await);
        let (staff, root) = (app.staff("staff").await, app.superuser("root").await);
        let (key, _) = with_key(&owner, json!({ "name": "completions only" })).await;
        let (revoked, deactivated) = (again(&app, &owner).await, app.user("gone").await);
        revoked.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
        let change = admin::UserUpdate { active: Some(false), ..Default::default() };
        admin::update(&app.app, Actor::CommandLine, deactivated.user_id(), change).await.unwrap();
        let address = app.serve().await;
        Self { viewers: vec![app.anonymous(), key, other, owner, staff, root], app, address, revoked, deactivated }
    }

    fn owner(&self) -> &Client {
        &self.viewers[3]
    }

    /// Returns the document with all objects that it refers to.
    async fn filled(&self, document: &str, name: &str) -> String {
        let mut filled = document.replace("$name", name).replace("$password", PASSWORD);
        // Logging out must not end what the next row needs.
        for (mark, query, pointer) in [
            ("$chat", "mutation { it: sendMessage(input: {message: \"x\"}) { chat { id } } }", "/it/chat/id"),
            (
                "$conversation",
                "mutation { it: createConversation(input: {}) { conversation { id } } }",
                "/it/conversation/id",
            ),
            ("$key", "mutation { it: createApiKey(input: {name: \"x\"}) { apiKey { id } } }", "/it/apiKey/id"),
        ] {
            if filled.contains(mark) {
                let made = self.owner().data(query, json!({})).await;
                filled = filled.replace(mark, made.pointer(pointer).unwrap().as_str().unwrap());
            }
        }
        if filled.contains("$session") {
            let session = again(&self.app, self.owner()).await;
            let sessions = session.data("{ sessions(first: 100) { nodes { id current } } }", json!({})).await;
            let current = sessions["sessions"]["nodes"].as_array().unwrap().iter().find(|s| s["current"] == true);
            filled = filled.replace("$session", current.unwrap()["id"].as_str().unwrap());
        }
        for (mark, is_staff) in [("$user", false), ("$operator", true)] {
            if filled.contains(mark) {
                let roles = Roles { is_staff, is_superuser: false };
                let user = admin::create(&self.app.app, Actor::CommandLine, name, PASSWORD.into(), roles, None);
                let id = user.await.unwrap().id;
                use base64::Engine;
                let id = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("User:{id}"));
                filled = filled.replace(mark, &id);
            }
        }
        filled
    }

    async fn verdict(&self, client: &Client, document: &str) -> String {
        let answer = if document.starts_with("subscription") {
            let access = client.access.as_deref();
            let response = Events::request(self.address, access, document, json!({})).await;
            if response.status() == 200 {
                match (Events::open(self.address, access, document, json!({})).await).next().await {
                    Event::Next(answer) => answer,
                    other => panic!("{other:?}"),
                }
            } else {
                response.json().await.unwrap()
            }
        } else {
            client.graphql(document, json!({})).await
        };
        let code = answer.pointer("/errors/0/extensions/code").or(answer.pointer("/data/it/errors/0/code"));
        match code {
            Some(code) => code.as_str().unwrap().to_owned(),
            None if answer["data"]["it"].is_null() => NULL.to_owned(),
            None => OK.to_owned(),
        }
    }
}

/// Returns the same user with another session.
async fn again(app: &TestApp, client: &Client) -> Client {
    let user = admin::find(&app.app, Actor::CommandLine, client.user_id()).await.unwrap();
    let logged_in = jeton::domain::session::create(&app.app, user, None).await.unwrap();
    Client::new(app.router.clone(), Some(logged_in))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_gives_everybody_what_they_may_have() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for (row, (what, document, verdicts)) in ROOTS.iter().chain(ARGUMENTS).enumerate() {
        for (number, expected) in verdicts.iter().enumerate() {
            let filled = world.filled(document, &format!("n{row}-{number}")).await;
            // Each with its own session, since some operations revoke it.
            let client = match (number, &world.viewers[number]) {
                (0 | 1, client) => client.clone(),
                (_, client) => again(&world.app, client).await,
            };
            if *what == "Mutation.logoutEverywhere" && number == 3 {
                // The owner's own session is needed below.
                continue;
            }
            let verdict = world.verdict(&client, &filled).await;
            if verdict != *expected {
                wrong.push(format!("{what} as {}: {verdict}, not {expected}", VIEWERS[number]));
            }
        }
        let filled = world.filled(document, &format!("n{row}-x")).await;
        for (who, client) in [("revoked", &world.revoked), ("deactivated", &world.deactivated)] {
            let verdict = world.verdict(client, &filled).await;
            if verdict != UNAUTHENTICATED {
                wrong.push(format!("{what} as {who}: {verdict}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The fields with a star.
#[tokio::test(flavor = "multi_thread")]
async fn what_staff_and_owners_see_of_an_object_differs() {
    let app = TestApp::start(On::Sqlite).await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    let made =
        mia.data("mutation { createConversation(input: {title: \"t\"}) { conversation { id } } }", json!({})).await;
    let conversation = made["createConversation"]["conversation"]["id"].clone();
    let said = mia.say_with(json!({ "message": "x", "conversationId": conversation })).await;
    let chat = "query($id: ID!) { node(id: $id) { ... on Chat { message conversation { title } } } }";
    let of = async |client: &Client| client.data(chat, json!({ "id": said["chat"]["id"] })).await["node"].take();
    assert_eq!(of(&mia).await, json!({ "message": "x", "conversation": { "title": "t" } }));
    assert_eq!(of(&staff).await, json!({ "message": "x", "conversation": null }));
    let adjust =
        "mutation($id: ID!) { adjustBalance(input: {userId: $id, amount: 1, reason: \"r\"}) { errors { code } } }";
    let id = mia.global_id().await;
    staff.data(adjust, json!({ "id": id })).await;
    let own = mia.data("{ ledgerHistory(first: 1) { nodes { note actor { username } } } }", json!({})).await;
    assert_eq!(own["ledgerHistory"]["nodes"], json!([{ "note": "r", "actor": null }]));
    let all = staff.data("{ ledgerEntries(first: 1) { nodes { note actor { username } } } }", json!({})).await;
    assert_eq!(all["ledgerEntries"]["nodes"], json!([{ "note": "r", "actor": { "username": "operator" } }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_its_statuses() {
    let world = World::new().await;
    let document = world.app.anonymous().get("/api/openapi.json").await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let listed = ROUTES.iter().any(|(of, at, ..)| at == path && of.eq_ignore_ascii_case(method));
            assert!(listed, "{method} {path} has no verdict");
        }
    }
    for (method, path, body, statuses) in ROUTES {
        let ask = async |client: &Client| {
            let request = Request::builder().method(*method).uri(*path).header("content-type", "application/json");
            client.send(request.body(Body::from(*body)).unwrap()).await.status.as_u16()
        };
        let [anonymous, key, _, owner, ..] = world.viewers.as_slice() else { unreachable!() };
        assert_eq!([ask(anonymous).await, ask(key).await, ask(owner).await], *statuses, "{method} {path}");
        for client in [&world.revoked, &world.deactivated] {
            // A route without authentication ignores invalid credentials.
            assert_eq!(ask(client).await, if statuses[0] == 401 { 401 } else { statuses[0] }, "{method} {path}");
        }
    }
}
