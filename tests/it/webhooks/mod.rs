//! Outgoing webhooks: events, signatures, retries, addresses, and who may see them.

mod addresses;
mod command_line;
mod deliveries;
mod events;
mod manage;
mod secrets;
mod servers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use jeton::app::App;
use jeton::core::viewer::Actor;
use jeton::core::webhook_signature::sign;
use jeton::domain::webhook::{self as domain, NewWebhook};
use jeton::infra::entity::webhook::{self, Event};
use jeton::infra::entity::webhook_delivery;
use sea_orm::{EntityTrait, Iterable, QueryOrder};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::support::{On, TestApp};

/// Settings of tests whose receiver is on this machine.
pub const LOCAL: &str = "webhooks.allow_private_networks = true\nwebhooks.timeout = '3s'";

/// How a receiver answers a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    RetryAfter(u16, &'static str),
    Redirect(String),
    Hang,
    Late(Duration),
    /// Waits until the test gives it a permit.
    Wait(Arc<Semaphore>),
    /// A body that never ends.
    Endless,
}

/// A request that a receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns whether one of the signatures is by this secret.
    pub fn is_signed_by(&self, secret: &SecretString) -> bool {
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let expected = sign(secret, self.header("webhook-id"), timestamp, self.body.as_bytes()).unwrap();
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// A double of a receiver, which plays these replies, and then accepts everything.
pub struct Receiver {
    pub url: String,
    replies: Mutex<Vec<Reply>>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    pub async fn start(replies: &[Reply]) -> Arc<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=sesame", listener.local_addr().unwrap());
        let replies = Mutex::new(replies.iter().rev().cloned().collect());
        let receiver = Arc::new(Self { url, replies, received: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    /// Plays these replies next.
    pub fn play(&self, replies: impl IntoIterator<Item = Reply>) {
        let mut next: Vec<_> = replies.into_iter().collect();
        next.reverse();
        *self.replies.lock().unwrap() = next;
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn answer(State(receiver): State<Arc<Receiver>>, request: Request) -> Response<Body> {
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.received.lock().unwrap().push(Received { headers, body });
    let reply = receiver.replies.lock().unwrap().pop().unwrap_or(Reply::Status(204));
    let response = Response::builder();
    let endless = || async_stream::stream! { loop { yield Ok::<_, std::convert::Infallible>(vec![b'x'; 1 << 16]); } };
    match reply {
        Reply::Status(status) => response.status(status).body(Body::from("sesame")),
        Reply::RetryAfter(status, after) => response.status(status).header("retry-after", after).body(Body::empty()),
        Reply::Redirect(to) => response.status(302).header("location", to).body(Body::empty()),
        Reply::Hang => std::future::pending().await,
        Reply::Late(wait) => {
            tokio::time::sleep(wait).await;
            response.status(200).body(Body::empty())
        }
        Reply::Wait(gate) => {
            gate.acquire().await.unwrap().forget();
            response.status(200).body(Body::empty())
        }
        Reply::Endless => response.status(200).body(Body::from_stream(endless())),
    }
    .unwrap()
}

/// Adds a webhook for these events, on the command line. Returns it with its secret.
pub async fn webhook(app: &App, name: &str, url: &str, events: &[Event]) -> (webhook::Model, SecretString) {
    let new = NewWebhook { name: name.to_owned(), url: url.to_owned(), events: events.to_vec() };
    domain::create(app, Actor::CommandLine, new).await.unwrap()
}

pub fn all_events() -> Vec<Event> {
    Event::iter().filter(|event| *event != Event::WebhookTest).collect()
}

/// Adds a webhook for all events at a receiver.
pub async fn with_receiver(on: On, replies: &[Reply]) -> (TestApp, Arc<Receiver>, webhook::Model, SecretString) {
    let app = TestApp::with(on, LOCAL).await;
    let receiver = Receiver::start(replies).await;
    let (row, secret) = webhook(&app.app, "hook", &receiver.url, &all_events()).await;
    (app, receiver, row, secret)
}

/// Returns all deliveries, oldest first.
pub async fn deliveries(app: &App) -> Vec<webhook_delivery::Model> {
    let rows = webhook_delivery::Entity::find().order_by_asc(webhook_delivery::Column::Id);
    rows.all(app.db.read()).await.unwrap()
}

pub async fn find(app: &App, row: &webhook::Model) -> webhook::Model {
    webhook::Entity::find_by_id(row.id).one(app.db.read()).await.unwrap().unwrap()
}

/// Returns the global id of a row.
pub fn global_id(kind: &str, row: i64) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("{kind}:{row}"))
}
