//! `/v1`: responses to OpenAI's clients, requests to upstreams, and charges.

mod errors;
mod idempotency;
mod images;
mod own_models;
mod passthrough;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response};
use axum::routing::post;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Client, On, TestApp, openai};

/// The behavior of an upstream.
#[derive(Clone)]
pub enum Does {
    /// Responds with this status and body.
    Say(u16, String),
    /// Responds with this body as JSON.
    Json(String),
    /// Streams these events, each after this delay.
    Stream(Duration, Vec<String>),
    /// Streams these events, and then hangs.
    Hang(Vec<String>),
    /// Streams as many words as the last message requests, one model token each, and reports the usage unless disabled.
    Words { tell_usage: bool },
}

#[derive(Default)]
pub struct Heard {
    pub bodies: std::sync::Mutex<Vec<(HeaderMap, String)>>,
    /// Generated words, by request.
    produced: std::sync::Mutex<Vec<(String, String)>>,
    pub calls: AtomicUsize,
}

/// Starts an upstream. Returns its address, and the requests that it receives.
pub async fn upstream(does: Does) -> (String, Arc<Heard>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let heard = Arc::new(Heard::default());
    let router = Router::new().route("/v1/chat/completions", post(answer)).with_state((does, heard.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), heard)
}

async fn answer(State((does, heard)): State<(Does, Arc<Heard>)>, headers: HeaderMap, body: String) -> Response<Body> {
    heard.calls.fetch_add(1, Ordering::SeqCst);
    heard.bodies.lock().unwrap().push((headers, body.clone()));
    if let Does::Json(body) = does {
        return Response::builder().header("content-type", "application/json").body(Body::from(body)).unwrap();
    }
    let response = Response::builder().header("content-type", "text/event-stream");
    let (pause, events, hang) = match does {
        Does::Say(status, body) => return response.status(status).body(Body::from(body)).unwrap(),
        Does::Stream(pause, events) => (pause, events, false),
        Does::Hang(events) => (Duration::ZERO, events, true),
        Does::Json(_) => unreachable!("answered above"),
        Does::Words { tell_usage } => return words(response, heard, &body, tell_usage),
    };
    let events = async_stream::stream! {
        for event in events {
            tokio::time::sleep(pause).await;
            yield Ok::<_, std::convert::Infallible>(event);
        }
        if hang {
            std::future::pending::<()>().await;
        }
    };
    response.body(Body::from_stream(events)).unwrap()
}

fn words(response: axum::http::response::Builder, heard: Arc<Heard>, body: &str, tell_usage: bool) -> Response<Body> {
    let body: Value = serde_json::from_str(body).unwrap();
    let asked = body["messages"][0]["content"].as_str().unwrap().to_owned();
    let count: u64 = asked.split(' ').nth(1).unwrap().parse().unwrap();
    let events = async_stream::stream! {
        let mut said = String::new();
        for number in 0..count {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let word = format!(" w{number}");
            said += &word;
            heard.produced.lock().unwrap().push((asked.clone(), word.clone()));
            yield Ok::<_, std::convert::Infallible>(piece(&word));
        }
        yield Ok(STOP.to_owned());
        if tell_usage {
            let usage = json!({ "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": count } });
            yield Ok(format!("data: {usage}\n\n"));
        }
        yield Ok(DONE.to_owned());
    };
    response.body(Body::from_stream(events)).unwrap()
}

pub fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }))
}

pub const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";

pub async fn app_with(on: On, toml: &str, base_urls: &[&str]) -> TestApp {
    TestApp::with_provider(on, toml, Arc::new(openai(base_urls, 0))).await
}

pub fn asking(model: &str, stream: bool) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }], "stream": stream })
}

pub async fn post_raw(client: &Client, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Returns the events of a streamed response, and whether it ended correctly.
fn parts(text: &str) -> (Vec<Value>, bool) {
    let mut events: Vec<_> = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    let done = events.last() == Some(&"[DONE]");
    if done {
        events.pop();
    }
    (events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect(), done)
}

pub async fn chats(client: &Client) -> Vec<Value> {
    let query = "{ chatHistory(first: 100) { nodes { id message response status cost hold
        usage { input output estimated } error { code message } } } }";
    client.data(query, json!({})).await["chatHistory"]["nodes"].as_array().unwrap().clone()
}

async fn viewer(app: &TestApp, client: &Client) -> jeton::core::viewer::Viewer {
    let access = client.access.as_deref().unwrap();
    jeton::core::viewer::Viewer::User(jeton::domain::session::authenticate(&app.app, access).await.unwrap())
}

fn chat_call(content: &str) -> jeton::domain::chat::ApiCall {
    chat_call_of("by_unit", content)
}

/// A call that is passed through as a stream, or made in Jeton's own format.
pub fn chat_call_of(model: &str, content: &str) -> jeton::domain::chat::ApiCall {
    let body = json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": content }] });
    let call = jeton::infra::ai::RawRequest::parse(body.to_string().into()).unwrap();
    let passing = Some(jeton::infra::ai::Passthrough { call, stream: true, show_usage: false });
    jeton::domain::chat::ApiCall {
        model: model.to_owned(),
        request: jeton::infra::ai::Request { passing, ..Default::default() },
        max_output: None,
        choices: 1,
        text: content.to_owned(),
        idempotency_key: None,
        fingerprint: None,
        admission: None,
    }
}
