//! A double of a service: plays scripts, one for each request, and keeps what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};

/// A response: its status, its content type, the chunks of its body, and possibly a hang.
#[derive(Clone)]
pub struct Script {
    pub status: u16,
    pub kind: &'static str,
    pub chunks: Vec<Vec<u8>>,
    pub then_hang: bool,
}

/// A request.
#[derive(Clone)]
pub struct Sent {
    /// The path, with its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

pub struct Double {
    pub url: String,
    scripts: Vec<Script>,
    sent: Mutex<Vec<Sent>>,
}

impl Double {
    /// Starts a service that plays the scripts, and repeats the last one.
    pub async fn start(scripts: Vec<Script>) -> Arc<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let double = Arc::new(Self { url, scripts, sent: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        double
    }

    /// Returns the requests so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

async fn answer(State(double): State<Arc<Double>>, request: Request) -> Response<Body> {
    let path = request.uri().path_and_query().unwrap().to_string();
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let script = {
        let mut sent = double.sent.lock().unwrap();
        sent.push(Sent { path, headers, body });
        double.scripts[(sent.len() - 1).min(double.scripts.len() - 1)].clone()
    };
    let chunks = async_stream::stream! {
        for chunk in script.chunks {
            tokio::time::sleep(Duration::from_millis(2)).await;
            yield Ok::<_, std::convert::Infallible>(chunk);
        }
        if script.then_hang {
            std::future::pending::<()>().await;
        }
    };
    let response = Response::builder().status(script.status).header("content-type", script.kind);
    response.body(Body::from_stream(chunks)).unwrap()
}
