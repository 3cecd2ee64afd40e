//! Bounds of every route and every root field: of its body, of the work before authentication, of its rate, memory and
//! answer. A new one without an entry in the table fails; the entries are tested as far as a test can.

mod table;
mod texts;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};
use axum::Router;
use axum::body::{Body as HttpBody, Bytes};
use axum::http::Request;
use futures::stream;
use jeton::core::viewer::ClientIp;
use jeton::server;
use rstest_reuse::apply;
use serde_json::{Value, json};

use self::table::{Answer, BUILT, Body, LISTS, Memory, ROOTS, ROUTES, Rate, Route, Work};
use crate::authorization;
use crate::support::client::Answer as Answered;
use crate::support::socket::Events;
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The size of the chunks of bodies.
const PART: usize = 4096;

/// Returns the paths of a router, from its debug output, which is the only list of them.
fn paths(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let routes = shown.split("fallback_router").next().unwrap();
    let paths: BTreeSet<_> = routes.split('"').filter(|text| text.starts_with('/')).map(str::to_owned).collect();
    assert!(
        paths.contains("/healthz") || paths.contains("/metrics"),
        "the debug output of routers has changed: {shown}"
    );
    paths
}

/// Returns a path with values in place of its parameters.
fn filled(path: &str) -> String {
    ["{*id}", "{*anything}", "{*path}", "{*page}", "{*name}", "{conversation}"]
        .iter()
        .fold(path.to_owned(), |path, parameter| path.replace(parameter, "echo"))
}

/// Returns the methods that a path serves; the REST routes answer OPTIONS automatically.
fn methods(path: &str) -> Vec<&'static str> {
    let of_path = ROUTES.iter().filter(|route| route.0 == path);
    let mut methods: Vec<_> = of_path.flat_map(|route| route.1.split_whitespace()).collect();
    if path.starts_with("/api/") && path != "/api/openapi.json" && !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_is_without_bounds() {
    let app = TestApp::start(On::Sqlite).await;
    let listed: BTreeSet<_> = ROUTES.iter().map(|route| route.0.to_owned()).collect();
    let served = paths(&app.router);
    let built = |path: &String| BUILT.contains(&path.as_str());
    assert_eq!(served.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "served, and not listed");
    let gone: Vec<_> = listed.difference(&served).filter(|path| !built(path)).collect();
    assert_eq!(gone, Vec::<&String>::new(), "listed, and not served");
    let metrics = paths(&server::metrics::router(app.app.clone()));
    assert_eq!(metrics, BTreeSet::from(["/metrics".to_owned()]), "for the operator's network alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_not_listed_are_rejected() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let served = paths(&app.router);
    let mut wrong = Vec::new();
    for path in ROUTES.iter().map(|route| route.0).filter(|path| served.contains(*path)).collect::<BTreeSet<_>>() {
        for method in METHODS {
            let request = Request::builder().method(method).uri(filled(path)).body(HttpBody::empty()).unwrap();
            let status = mia.send(request).await.status.as_u16();
            let listed = methods(path);
            let fine = match (listed.is_empty(), listed.contains(&method)) {
                (true, _) => status == 404,
                (_, true) => status != 405,
                (_, false) => status == 405,
            };
            if !fine {
                wrong.push(format!("{method} {path}: {status}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// A body that is longer than every limit, and a counter of the bytes that were read of it.
fn endless(limit: usize) -> (HttpBody, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let parts = (0..limit / PART + 100).map(move |_| {
        counted.fetch_add(PART, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; PART]))
    });
    (HttpBody::from_stream(stream::iter(parts)), read)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_up_to_their_limit_and_no_further() {
    const HTTP: usize = 40_000;
    const V1: usize = 100_000;
    let settings = format!("http.max_body_bytes = {HTTP}\nv1.max_body_bytes = {V1}");
    let app = TestApp::with(On::Sqlite, &settings).await;
    let (mia, anonymous, served) = (app.user("mia").await, app.anonymous(), paths(&app.router));
    let mut wrong = Vec::new();
    for (path, listed, body, work, ..) in ROUTES.iter().filter(|route| served.contains(route.0)) {
        let methods = if listed.is_empty() { &METHODS[..] } else { &listed.split_whitespace().collect::<Vec<_>>() };
        for method in methods {
            for (who, client) in [("user", &mia), ("anonymous", &anonymous)] {
                let (sent, read) = endless(V1);
                let request = Request::builder().method(*method).uri(filled(path));
                let request = request.header("content-type", "application/json").body(sent).unwrap();
                let status = client.send(request).await.status.as_u16();
                let read = read.load(Ordering::Relaxed);
                let limit = match body {
                    Body::Unread | Body::Messages => 0,
                    Body::Http => HTTP,
                    Body::V1 => V1,
                };
                let rejected = who == "anonymous" && *work == Work::Headers;
                let fine = match (limit, rejected) {
                    (0, _) => read == 0,
                    (_, true) => status == 401 && read == 0,
                    // The part that goes over the limit is the last one.
                    (limit, false) => status == 413 && read > limit && read <= limit + PART,
                };
                if !fine {
                    wrong.push(format!("{method} {path} as {who}: {status} after {read} bytes"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

fn with_address(mut request: Request<HttpBody>) -> Request<HttpBody> {
    request.extensions_mut().insert(ClientIp::from(IpAddr::from(Ipv4Addr::new(203, 0, 113, 7))));
    request
}

async fn post(client: &Client, path: &str, body: &Value) -> Answered {
    let request = Request::post(path).header("content-type", "application/json");
    client.send(with_address(request.body(HttpBody::from(body.to_string())).unwrap())).await
}

/// Rates of at most two requests.
const LOW_RATES: &str = "ledger.signup_grant = 1000000
    auth.login_attempts_before_delay = 1
    auth.login_attempts_before_delay_per_address = 1
    limits.messages_per_minute_per_user = 2
    limits.registrations_per_hour_per_address = 2
    limits.refreshes_per_minute_per_address = 2";

#[apply(on_both_databases)]
async fn every_route_with_a_rate_has_it(on: On) {
    let rated = |route: &&Route| route.4 != Rate::Connections;
    for (path, ..) in ROUTES.iter().filter(rated) {
        let app = TestApp::with(on, LOW_RATES).await;
        let mia = app.user("mia").await;
        let mut statuses = Vec::new();
        for number in 0..4 {
            let body = json!({
                "username": format!("new{number}"), "password": PASSWORD, "password2": PASSWORD, "refresh": "x",
                "message": "x", "model": "echo", "messages": [{ "role": "user", "content": "x" }],
            });
            // The rate of log-ins is by name and by address.
            let log_in = json!({ "username": "mia", "password": "wrong" });
            let body = if path.trim_end_matches('/').ends_with("token") { log_in } else { without(path, body) };
            statuses.push(post(&mia, path, &body).await.status.as_u16());
        }
        assert!(statuses.contains(&429), "{path}: {statuses:?}");
    }
}

/// The local models reject members that they do not support.
fn without(path: &str, mut body: Value) -> Value {
    if path.starts_with("/v1") {
        body.as_object_mut().unwrap().retain(|name, _| ["model", "messages"].contains(&name.as_str()));
    }
    body
}

#[apply(on_both_databases)]
async fn every_mutation_has_a_rate_or_requires_authentication(on: On) {
    for (field, document, verdicts) in authorization::ROOTS.iter().filter(|row| row.0.starts_with("Mutation")) {
        let (_, rate, ..) = ROOTS.iter().find(|root| root.0 == *field).unwrap();
        if *rate == Rate::Connections {
            // In that table a log-in is UNAUTHENTICATED for every viewer, since its password is wrong.
            assert!(verdicts[0] == "UNAUTHENTICATED" && verdicts[3] != "UNAUTHENTICATED", "{field} needs a rate");
            continue;
        }
        let app = TestApp::with(on, LOW_RATES).await;
        let mia = app.user("mia").await;
        let chat = mia.say("echo", "x").await["chat"]["id"].as_str().unwrap().to_owned();
        let mut codes = Vec::new();
        for number in 0..4 {
            let name = if *rate == Rate::Logins { "mia".to_owned() } else { format!("new{number}") };
            let query = document.replace("$name", &name).replace("$password", PASSWORD).replace("$chat", &chat);
            let answer = post(&mia, "/graphql", &json!({ "query": query })).await.json();
            let code = answer.pointer("/errors/0/extensions/code").or(answer.pointer("/data/it/errors/0/code"));
            codes.push(code.and_then(Value::as_str).unwrap_or("none").to_owned());
        }
        assert!(codes.contains(&"RATE_LIMITED".to_owned()), "{field}: {codes:?}");
    }
}

/// Rating the strength of a password is work that an unauthenticated client can cause.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_registrations_have_a_rate_too() {
    for path in ["/graphql", "/api/register/"] {
        let app = TestApp::with(On::Sqlite, "limits.registrations_per_hour_per_address = 1").await;
        let mut answers = Vec::new();
        // More attempts may be allowed than accounts.
        for number in 0..10 {
            let (name, weak) = (format!("new{number}"), "password1");
            let query = "mutation($name: String!, $weak: String!) {
                register(input: {username: $name, password: $weak}) { errors { code } } }";
            let body = match path {
                "/graphql" => json!({ "query": query, "variables": { "name": name, "weak": weak } }),
                _ => json!({ "username": name, "password": weak, "password2": weak }),
            };
            let answered = post(&app.anonymous(), path, &body).await;
            answers.push(format!("{} {}", answered.status.as_u16(), answered.text));
        }
        let is_limited = |answer: &String| answer.contains("RATE_LIMITED") || answer.starts_with("429");
        assert!(answers.iter().any(is_limited), "{path}: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_get_are_bounded() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    for (path, methods, _, _, _, _, answer) in ROUTES {
        if !methods.contains("GET") {
            continue;
        }
        match answer {
            Answer::Fixed(bytes) => {
                let answered = mia.get(&filled(path)).await;
                assert!(answered.status.is_success() && answered.text.len() <= *bytes, "{path}: {answered:?}");
            }
            Answer::Rows(rows) => {
                assert_eq!(mia.get(&format!("{path}?limit={rows}")).await.status, 200, "{path}");
                assert_eq!(mia.get(&format!("{path}?limit={}", rows + 1)).await.status, 400, "{path}");
            }
            // Tested below, and with the guard and the streams.
            Answer::Connection | Answer::Object | Answer::Document | Answer::Reply | Answer::File | Answer::Stream => {}
        }
    }
}

pub fn schema() -> Vec<(String, TypeKind)> {
    let document = parse_schema(include_str!("../../../schema.graphql")).unwrap();
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node.kind)),
        _ => None,
    });
    types.collect()
}

/// Returns the name of a type without list and non-null modifiers, and whether it is a list.
pub fn named(ty: &Type) -> (String, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (named(inner).0, true),
    }
}

/// Returns each field of an object: `Type.field`, its type, and whether that is a list.
fn fields() -> Vec<(String, String, bool)> {
    let mut fields = Vec::new();
    for (name, kind) in schema() {
        let TypeKind::Object(object) = kind else { continue };
        for field in object.fields {
            let (of, is_list) = named(&field.node.ty.node);
            fields.push((format!("{name}.{}", field.node.name.node), of, is_list));
        }
    }
    fields
}

#[test]
fn no_root_field_is_without_bounds() {
    let is_root = |field: &str| ["Query.", "Mutation.", "Subscription."].iter().any(|root| field.starts_with(root));
    let roots: BTreeSet<_> = fields().into_iter().map(|field| field.0).filter(|field| is_root(field)).collect();
    assert_eq!(ROOTS.iter().map(|root| root.0.to_owned()).collect::<BTreeSet<_>>(), roots);
    for (field, of, is_list) in fields().iter().filter(|field| is_root(&field.0)) {
        let (_, _, memory, answer) = ROOTS.iter().find(|root| root.0 == field).unwrap();
        let said = match answer {
            Answer::Connection => of.ends_with("Connection") && *memory == Memory::Page,
            Answer::Rows(_) => *is_list,
            Answer::Stream => field.starts_with("Subscription.") && *memory == Memory::Chunks,
            _ => !is_list && !of.ends_with("Connection") && !field.starts_with("Subscription."),
        };
        assert!(said, "{field}: {of} is no {answer:?}");
    }
}

#[test]
fn no_list_is_without_a_bound() {
    let lists = fields().into_iter().filter(|(field, of, is_list)| {
        let of_page = field.contains("Connection.") && (of.ends_with("Edge") || field.ends_with(".nodes"));
        *is_list && !of_page && !field.ends_with("Payload.errors")
    });
    let listed: BTreeSet<_> = LISTS.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(listed, lists.map(|field| field.0).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_longer_than_its_limit() {
    let app = TestApp::start(On::Sqlite).await;
    let root = app.superuser("root").await;
    let begin = "mutation { createConversation(input: {}) { conversation { id } } }";
    let conversation = root.data(begin, json!({})).await["createConversation"]["conversation"]["id"].clone();
    let group = crate::groups::global_id(crate::groups::group(&app, "Team", 0, &[]).await);
    let event = jeton::infra::entity::webhook::Event::UserCreated;
    let (webhook, _) = crate::webhooks::webhook(&app.app, "hook", "https://hooks.example", &[event]).await;
    let webhook = crate::webhooks::global_id("Webhook", webhook.id.0);
    let mut count = 0;
    for (field, of, _) in fields().iter().filter(|field| field.1.ends_with("Connection")) {
        let (parent, name) = field.split_once('.').unwrap();
        for asked in ["first: 101", "last: 101", "first: 0", "first: -1", "first: 1, last: 1"] {
            let page = format!("{name}({asked}) {{ totalCount }}");
            let query = match parent {
                "Query" => format!("{{ {page} }}"),
                "Webhook" => format!("{{ webhook(id: \"{webhook}\") {{ {page} }} }}"),
                "Conversation" => format!("{{ conversation(id: {conversation}) {{ {page} }} }}"),
                "Group" => format!("{{ group(id: \"{group}\") {{ {page} }} }}"),
                _ => panic!("{field}: {of} needs a query here"),
            };
            assert_eq!(root.code(&query, json!({})).await, "INVALID_INPUT", "{query}");
            count += 1;
        }
    }
    assert!(count > 50);
    for query in [
        "{ topSpenders(first: 101) { tokens } }",
        "{ topSpenders(days: 367) { tokens } }",
        "{ usage(days: 367) { day } }",
    ] {
        assert_eq!(root.code(query, json!({})).await, "INVALID_INPUT", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_of_a_key_are_each_named_once() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let query = "mutation($models: [String!]) { createApiKey(input: {name: \"x\", models: $models}) {
        apiKey { models } errors { code } } }";
    let made = mia.data(query, json!({ "models": vec!["echo"; 5_000] })).await;
    // Rejected or stored once, never a row of 60 KB that is read with each use of the key.
    let kept = made["createApiKey"]["apiKey"]["models"].as_array().map_or(0, Vec::len);
    assert!(kept <= 1, "{kept} names are kept");
    let invalid: Vec<_> = (0..5_000).map(|number| format!("model{number}")).collect();
    let rejected = mia.data(query, json!({ "models": invalid })).await;
    let errors = rejected["createApiKey"]["errors"].as_array().unwrap().len();
    assert!((1..=100).contains(&errors), "{errors} errors");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subscription_counts_among_the_streams_of_its_user() {
    let app = TestApp::with(On::Sqlite, "graphql.streams_per_user = 1").await;
    let root = app.superuser("root").await;
    let chat = root.say("echo", "x").await["chat"]["id"].as_str().unwrap().to_owned();
    let address = app.serve().await;
    let access = root.access.as_deref();
    let mut held = Events::open(address, access, "subscription { balanceChanged { tokens } }", json!({})).await;
    held.hear().await;
    for (field, document, _) in authorization::ROOTS.iter().filter(|row| row.0.starts_with("Subscription")) {
        let rejected = Events::request(address, access, &document.replace("$chat", &chat), json!({})).await;
        assert_eq!(rejected.status(), 429, "{field}");
    }
}
