//! Clients that do not read their responses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use jeton::infra::config::Config;
use jeton::server::{self, BoundListener, Certificate};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::installation::client;
use crate::support::{On, Step, TestApp, openai};

/// A chunk of a reply, so large that a few fill the buffers of a connection.
fn large_piece() -> &'static str {
    Box::leak("x".repeat(256 << 10).into_boxed_str())
}

/// A size in bytes above all buffers of a connection.
const FLOOD: usize = 16 << 20;

/// A connection with small buffers.
async fn narrow(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

fn request(method: &str, path: &str, access: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request many times over one connection, reads the beginning of the first response, and stops reading.
async fn never_read(mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: String, times: usize) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 200", "{request}");
    tokio::spawn(async move {
        for _ in 0..times {
            if stream.write_all(request.as_bytes()).await.is_err() {
                break;
            }
        }
        // Keeps the connection open, too.
        std::future::pending::<()>().await;
        drop(stream);
    });
}

/// Serves the application over TLS. Returns the address, and a connector.
async fn serve_with_tls(app: &TestApp) -> (std::net::SocketAddr, tokio_rustls::TlsConnector) {
    let directory = tempfile::tempdir().unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (directory.path().join("chain.pem"), directory.path().join("key.pem"));
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let named = format!("http.tls_certificate = '{}'\nhttp.tls_key = '{}'", chain.display(), key.display());
    let certificate = Certificate::open(&Config::from_toml(&named).unwrap()).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (served, router) = (app.app.clone(), app.router.clone());
    tokio::spawn(async move {
        server::serve(&served, BoundListener { socket, certificate }, router, CancellationToken::new()).await
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    (address, tokio_rustls::TlsConnector::from(Arc::new(config)))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_never_reads_an_answer_is_closed_whatever_it_is() {
    let settings = "http.write_timeout = '500ms'\nledger.signup_grant = 1000000";
    let app = TestApp::with(On::Sqlite, settings).await;
    let mia = app.user("mia").await;
    let piece = large_piece();
    let times = FLOOD / piece.len();
    for _ in 0..=3 * times {
        app.model.play([Step::Say(piece), Step::End(None)]);
    }
    let chat = mia.say("scripted", "Hi").await["chat"]["id"].take();
    let access = mia.access.clone().unwrap();
    let call = |stream| {
        let messages = json!([{ "role": "user", "content": "Hi" }]);
        json!({ "model": "scripted", "messages": messages, "stream": stream }).to_string()
    };
    let query = json!({ "query": "query($id: ID!) { chat(id: $id) { response } }", "variables": { "id": chat } });
    let page = mia.get("/api/openapi.json").await.text.len();
    let address = app.serve().await;
    for (method, path, body, times) in [
        ("POST", "/graphql", query.to_string(), times),
        ("GET", "/api/chat/", String::new(), times),
        ("POST", "/v1/chat/completions", call(false), times),
        ("POST", "/v1/chat/completions", call(true), times),
        ("GET", "/api/openapi.json", String::new(), FLOOD / page),
    ] {
        never_read(narrow(address).await, request(method, path, &access, &body), times).await;
    }
    let (address, connector) = serve_with_tls(&app).await;
    let stream = connector.connect("localhost".try_into().unwrap(), narrow(address).await).await.unwrap();
    never_read(stream, request("GET", "/api/chat/", &access, ""), times).await;
    // The metrics listener has no expensive requests, but its connections are limited, too.
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(server::metrics::serve(app.app.clone(), socket));
    let page = client().get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("jeton_http_connections "), "{page}");
    never_read(narrow(address).await, request("GET", "/metrics", "", ""), FLOOD / page.len()).await;

    let closed = async {
        while !app.app.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(25), closed).await;
    assert!(closed.is_ok(), "{} connections are held", app.app.connections.len());
}

/// An upstream that sends a large stream in OpenAI's format, as fast as it is read.
async fn large_upstream() -> String {
    let piece = json!({ "choices": [{ "index": 0, "delta": { "content": large_piece() } }] });
    let mut events = vec![format!("data: {piece}\n\n"); FLOOD / (256 << 10)];
    events.push("data: [DONE]\n\n".to_owned());
    let answer = async move || {
        let events = events.into_iter().map(Ok::<_, std::convert::Infallible>);
        let body = Body::from_stream(futures::stream::iter(events));
        ([("content-type", "text/event-stream")], body)
    };
    let router = Router::new().route("/v1/chat/completions", post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/v1")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_read_too_slowly_never_looks_whole() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let provider = Arc::new(openai(&[&large_upstream().await], 0));
    let app = TestApp::with_provider(On::Sqlite, "turns.chunk_timeout = '300ms'", provider).await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    for model in ["scripted", "upstream"] {
        let mut script = vec![Step::Say(large_piece()); FLOOD / (256 << 10)];
        script.push(Step::End(None));
        app.model.play(script);
        let call = json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }], "stream": true });
        let mut stream = narrow(address).await;
        let access = mia.access.as_deref().unwrap();
        stream.write_all(request("POST", "/v1/chat/completions", access, &call.to_string()).as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        // Reads only after the timeout.
        app.settled().await;
        let mut rest = String::new();
        let mut part = vec![0; 1 << 16];
        while !rest.ends_with("\r\n0\r\n\r\n") {
            let count = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut part)).await.unwrap().unwrap();
            assert_ne!(count, 0, "{model}");
            rest.push_str(&String::from_utf8_lossy(&part[..count]));
        }
        assert!(rest.len() < FLOOD && !rest.contains("[DONE]"), "{model}: {} bytes", rest.len());
        let last = rest.rsplit("data: ").next().unwrap();
        assert!(last.contains("\"code\":\"timeout\"") && last.contains("read too slowly"), "{model}: {last}");
    }
}
