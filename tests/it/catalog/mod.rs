//! The catalog of the database: providers, models and prices that are changed while servers run.

mod capabilities;
mod change;
mod command_line;
mod config_show;
mod default_model;
mod killed_rotation;
mod live;
mod names;
mod price_preview;
mod prices;
mod route_states;
mod routes;
mod scale;
mod secrets;
mod timeouts;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::{Json, Router};
use jeton::app::App;
use jeton::core::ids::ProviderId;
use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate, NewModel, NewProvider, Route};
use jeton::infra::ai::upstream::Timeouts;
use jeton::infra::entity::provider::{self, Kind};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

/// The key of a provider, which must be found nowhere.
pub const KEY: &str = "sk-provider-0123456789abcdef-wxyz";

/// A double of an OpenAI-compatible service, which accepts one key and lists two models.
pub struct Service {
    pub url: String,
    key: Mutex<String>,
    /// The keys that were sent, each with the path.
    seen: Mutex<Vec<(String, String)>>,
    /// The header `x-title` of the last request.
    pub title: Mutex<Option<String>>,
}

impl Service {
    pub async fn start(key: &str) -> Arc<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let service =
            Arc::new(Self { url, key: Mutex::new(key.to_owned()), seen: Mutex::default(), title: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    /// Accepts another key from now on.
    pub fn accept(&self, key: &str) {
        *self.key.lock().unwrap() = key.to_owned();
    }

    /// Returns the keys that were sent so far, each with the path.
    pub fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    use axum::response::IntoResponse;
    let path = request.uri().path().to_owned();
    let sent = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let key = sent.unwrap_or_default().trim_start_matches("Bearer ").to_owned();
    *service.title.lock().unwrap() = request.headers().get("x-title").map(|title| title.to_str().unwrap().to_owned());
    service.seen.lock().unwrap().push((key.clone(), path.clone()));
    if key != *service.key.lock().unwrap() {
        let error = json!({ "error": { "message": format!("Incorrect API key provided: {key}.") } });
        return (axum::http::StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    if path.ends_with("/models") {
        return Json(json!({ "object": "list", "data": [{ "id": "small" }, { "id": "large" }] })).into_response();
    }
    let body: Value =
        serde_json::from_slice(&axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap()).unwrap();
    let text = format!("I am {}.", body["model"].as_str().unwrap());
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 5 });
    let chunk =
        json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "stop" }], "usage": usage });
    let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    Response::builder().header("content-type", "text/event-stream").body(Body::from(stream)).unwrap()
}

/// Connects a provider on the command line, with the key.
pub async fn provider(app: &TestApp, name: &str, url: &str) -> provider::Model {
    provider_of(&app.app, name, url, Some(KEY)).await
}

pub async fn provider_of(app: &App, name: &str, url: &str, key: Option<&str>) -> provider::Model {
    let new = NewProvider {
        name: name.to_owned(),
        kind: Kind::Openai,
        base_url: Some(url.to_owned()),
        key: key.map(SecretString::from),
        headers: Vec::new(),
        max_retries: Some(0),
        circuit_cooldown: None,
        timeouts: Timeouts::default(),
    };
    catalog::create_provider(app, Actor::CommandLine, new).await.unwrap()
}

/// Adds a model on the command line.
pub async fn model(app: &TestApp, name: &str, providers: &[&provider::Model], price: Price) {
    let new = new_model(name, &providers.iter().map(|provider| provider.id).collect::<Vec<_>>(), price);
    catalog::create_model(&app.app, Actor::CommandLine, new).await.unwrap();
}

pub fn new_model(name: &str, providers: &[ProviderId], price: Price) -> NewModel {
    let route =
        |id: &ProviderId| Route { provider_id: *id, upstream_model: "small".to_owned(), order: None, weight: None };
    let routes = Some(providers.iter().map(route).collect());
    NewModel { name: name.to_owned(), settings: ModelUpdate { routes, ..ModelUpdate::default() }, price }
}

/// Returns the global id of a provider.
pub fn global_id(provider: &provider::Model) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("Provider:{}", provider.id))
}

/// Returns the payload of a mutation.
pub async fn mutate(client: &Client, name: &str, input: Value, selected: &str) -> Value {
    let ty = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {ty}!) {{ it: {name}(input: $input) {{ {selected} errors {{ code field message }} }} }}"
    );
    client.data(&query, json!({ "input": input })).await["it"].take()
}
