//! The authorization table: every field of the schema and every route, for every kind of viewer. A field or route
//! without a verdict fails.

mod table;

use std::collections::BTreeSet;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use axum::body::Body;
use axum::http::Request;
use jeton::core::viewer::Actor;
use jeton::domain::account::Roles;
use jeton::domain::account::admin;
use serde_json::json;

pub use self::table::ROOTS;
use self::table::{ARGUMENTS, FIELDS, NULL, OK, ROUTES, UNAUTHENTICATED, VIEWERS};
use crate::api_keys::with_key;
use crate::support::socket::{Event, Events};
use crate::support::{Client, On, PASSWORD, TestApp};

fn schema() -> Vec<(String, TypeKind)> {
    let document = parse_schema(include_str!("../../../schema.graphql")).unwrap();
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
        let app =
            TestApp::with(On::Sqlite, "ledger.signup_grant = 1000000\nwebhooks.allow_private_networks = true").await;
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
        if filled.contains("$provider") || filled.contains("$model") {
            let provider = crate::catalog::provider(&self.app, name, "http://127.0.0.1:9").await;
            if filled.contains("$model") {
                let price = jeton::core::price::Price::flat(1);
                crate::catalog::model(&self.app, &format!("{name}-model"), &[&provider], price).await;
            }
            let id = crate::catalog::global_id(&provider);
            filled = filled.replace("$provider", &id).replace("$model", &format!("{name}-model"));
        }
        if filled.contains("$group") {
            let group = crate::groups::group(&self.app, name, 1_000_000, &[self.owner()]).await;
            let member = self.owner().data("{ me { id } }", json!({})).await["me"]["id"].take();
            filled = filled.replace("$group", &crate::groups::global_id(group));
            filled = filled.replace("$member", member.as_str().unwrap());
        }
        if filled.contains("$webhook") {
            let event = jeton::infra::entity::webhook::Event::UserCreated;
            let (row, _) = crate::webhooks::webhook(&self.app.app, name, "http://127.0.0.1:9", &[event]).await;
            filled = filled.replace("$webhook", &crate::webhooks::global_id("Webhook", row.id.0));
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
    let logged_in = jeton::domain::session::create(&app.app, user, &Default::default()).await.unwrap();
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
