//! The timeouts of a provider: each ends a request by itself, is named in the error, and leads to the next route before the
//! first byte.

use std::time::Duration;

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate, ProviderUpdate, Route};
use jeton::infra::entity::provider;
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{KEY, Service, global_id, model, mutate, provider as connect};
use crate::support::{Client, On, TestApp, on_both_databases};

const BEGIN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half\"}}]}\n\n";

/// Starts a service that answers each request with these bytes, and then says no more. Returns its address.
async fn silent_after(bytes: &'static str) -> std::net::SocketAddr {
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            open.push(tokio::spawn(async move {
                connection.read_buf(&mut Vec::with_capacity(1 << 16)).await.unwrap();
                connection.write_all(bytes.as_bytes()).await.unwrap();
                // Until the other side closes it.
                while connection.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            }));
        }
    });
    address
}

/// Returns the kind and the message of the last error of a model's route.
async fn last_error(root: &Client, model: &str) -> (String, String) {
    let query = "{ catalogModels(first: 100) { nodes { name routeStates { lastError { kind message } } } } }";
    let listed = root.data(query, json!({})).await["catalogModels"]["nodes"].take();
    let node = listed.as_array().unwrap().iter().find(|node| node["name"] == model).unwrap().clone();
    let error = &node["routeStates"][0]["lastError"];
    (error["kind"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

#[apply(on_both_databases)]
async fn each_timeout_ends_a_request_and_is_named(on: On) {
    let app = TestApp::start(on).await;
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    let (silent, begun) = (silent_after("").await, silent_after(BEGIN).await);
    for (name, url, timeout, kept, message, kind, cause) in [
        // Without an answer in TLS, there is no connection.
        (
            "one",
            format!("https://{silent}/v1"),
            "connectTimeoutSeconds",
            "",
            "The language model could not be reached in time.",
            "CONNECTION",
            "no connection within 1s (connect timeout)",
        ),
        (
            "two",
            format!("http://{silent}/v1"),
            "firstByteTimeoutSeconds",
            "",
            "The language model did not begin to reply in time.",
            "CONNECTION",
            "no byte within 1s (first-byte timeout)",
        ),
        (
            "three",
            format!("http://{begun}/v1"),
            "idleTimeoutSeconds",
            "Half",
            "The language model stopped in its reply.",
            "INTERRUPTED",
            "no further byte within 1s (idle timeout)",
        ),
    ] {
        let input = json!({ "name": name, "kind": "OPENAI", "baseUrl": url, "maxRetries": 0, (timeout): 1 });
        let created = mutate(&root, "createProvider", input, &format!("provider {{ id {timeout} }}")).await;
        assert_eq!(created["provider"][timeout], 1, "{created}");
        let rows = provider::Entity::find().all(app.app.db.read()).await.unwrap();
        let row = rows.into_iter().find(|row| row.name == name).unwrap();
        model(&app, name, &[&row], Price::flat(1)).await;
        let said = mia.say(name, "Hello").await;
        assert_eq!((&said["chat"]["response"], &said["chat"]["status"]), (&json!(kept), &json!("FAILED")), "{said}");
        assert_eq!(said["chat"]["error"]["message"], message, "{said}");
        assert_eq!(last_error(&root, name).await, (kind.to_owned(), cause.to_owned()));
        // Null is the default again.
        let input = json!({ "providerId": created["provider"]["id"], (timeout): null });
        let changed = mutate(&root, "updateProvider", input, &format!("provider {{ {timeout} }}")).await;
        assert_eq!((&changed["provider"][timeout], &changed["errors"]), (&Value::Null, &json!([])));
    }
}

#[apply(on_both_databases)]
async fn a_route_that_does_not_begin_in_time_is_left_for_the_next_one(on: On) {
    let app = TestApp::start(on).await;
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    let service = Service::start(KEY).await;
    let silent = silent_after("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    let (first, second) =
        (connect(&app, "silent", &format!("http://{silent}/v1")).await, connect(&app, "double", &service.url).await);
    model(&app, "m", &[&first], Price::flat(1)).await;
    let route = |(provider, order): (&provider::Model, i64)| Route {
        provider_id: provider.id,
        upstream_model: "small".to_owned(),
        order: Some(order),
        weight: None,
    };
    let routes = Some([(&first, 1), (&second, 2)].map(route).to_vec());
    let update = ModelUpdate { routes, ..ModelUpdate::default() };
    catalog::update_model(&app.app, Actor::CommandLine, "m", update).await.unwrap();
    // In force from the next message on, for models that were opened before.
    let timeout = Some(Some(Duration::from_secs(1)));
    let update = ProviderUpdate { first_byte_timeout: timeout, ..ProviderUpdate::default() };
    catalog::update_provider(&app.app, Actor::CommandLine, first.id, update).await.unwrap();
    assert_eq!(mia.say("m", "Hello").await["chat"]["response"], "I am small.");
    assert!(last_error(&root, "m").await.1.contains("first-byte timeout"));

    for (field, most) in
        [("connectTimeoutSeconds", 60), ("firstByteTimeoutSeconds", 3600), ("idleTimeoutSeconds", 3600)]
    {
        for wrong in [-1, 0, most + 1] {
            let input = json!({ "providerId": global_id(&first), (field): wrong });
            let refused = mutate(&root, "updateProvider", input, "provider { id }").await;
            let error = &refused["errors"][0];
            assert_eq!(error["field"], field, "{refused}");
            assert_eq!(error["message"], format!("Between 1 and {most}."), "{refused}");
        }
    }
}
