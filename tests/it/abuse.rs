//! Abuse by unauthenticated clients: password guessing, floods, slow connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use jeton::infra::config::Config;
use jeton::server::{self, BoundListener, Certificate};
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::installation::client;
use crate::support::socket::{Events, Socket};
use crate::support::{On, PASSWORD, Step, TestApp, on_both_databases, openai};

const LOGIN: &str =
    "mutation($name: String!, $password: String!) { login(input: {username: $name, password: $password}) {
    user { id } errors { code } } }";

/// A client with an address.
struct From(std::net::SocketAddr, &'static str);

impl From {
    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        rustls::crypto::ring::default_provider().install_default().ok();
        let request = reqwest::Client::new().post(format!("http://{}{path}", self.0)).header("x-forwarded-for", self.1);
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn login(&self, name: &str, password: &str) -> Value {
        let body = json!({ "query": LOGIN, "variables": { "name": name, "password": password } });
        let (_, answer) = self.post("/graphql", body).await;
        let code = answer.pointer("/errors/0/extensions/code").or(answer.pointer("/data/login/errors/0/code"));
        code.cloned().unwrap_or_default()
    }
}

#[apply(on_both_databases)]
async fn guesses_are_counted_by_address_whatever_the_names(on: On) {
    let settings = "http.trusted_proxies = ['127.0.0.1/32']\nauth.login_attempts_before_delay_per_address = 5";
    let app = TestApp::with(on, settings).await;
    app.user("mia").await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    for number in 0..4 {
        assert_eq!(here.login(&format!("nobody{number}"), "x").await, "UNAUTHENTICATED");
        // A successful log-in refunds only its own attempt.
        assert_eq!(here.login("mia", PASSWORD).await, Value::Null);
    }
    assert_eq!(here.login("nobody8", "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login("nobody9", "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login("mia", PASSWORD).await, "RATE_LIMITED", "whoever guesses has to wait");
    let (status, _) = here.post("/api/token/", json!({ "username": "mia", "password": PASSWORD })).await;
    assert_eq!(status, 429, "by every way");
    assert_eq!(there.login("mia", PASSWORD).await, Value::Null, "nobody else has to");
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(here.login("mia", PASSWORD).await, Value::Null, "the wait has an end");
    // An IPv6 /64 network is one client.
    for number in 0..6 {
        let one = From(address, ["2001:db8::1", "2001:db8::2", "2001:db8::3"][number % 3]);
        assert_eq!(one.login("nobody", "x").await, "UNAUTHENTICATED");
    }
    assert_eq!(From(address, "2001:db8::ffff").login("mia", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(From(address, "2001:db8:0:1::1").login("mia", PASSWORD).await, Value::Null);
}

#[apply(on_both_databases)]
async fn what_a_stranger_says_of_its_address_is_ignored(on: On) {
    let app = TestApp::with(on, "auth.login_attempts_before_delay_per_address = 3").await;
    let address = app.serve().await;
    for client in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"] {
        assert_eq!(From(address, client).login(client, "x").await, "UNAUTHENTICATED");
    }
    assert_eq!(From(address, "203.0.113.5").login("nobody", "x").await, "RATE_LIMITED");
}

#[apply(on_both_databases)]
async fn accounts_and_refreshes_are_limited_by_address(on: On) {
    let settings = "limits.registrations_per_hour_per_address = 2\nlimits.refreshes_per_minute_per_address = 3
        http.trusted_proxies = ['127.0.0.0/8']";
    let app = TestApp::with(on, settings).await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    let register = |name: &str| json!({ "username": name, "password": PASSWORD, "password2": PASSWORD });
    assert_eq!(here.post("/api/register/", register("a")).await.0, 201);
    let query =
        format!("mutation {{ register(input: {{username: \"b\", password: \"{PASSWORD}\"}}) {{ refreshToken }} }}");
    let (_, made) = here.post("/graphql", json!({ "query": query })).await;
    let refresh = made["data"]["register"]["refreshToken"].as_str().unwrap().to_owned();
    assert_eq!(here.post("/api/register/", register("c")).await.0, 429);
    assert_eq!(there.post("/api/register/", register("c")).await.0, 201);
    for status in [200, 200, 200, 429] {
        assert_eq!(here.post("/api/token/refresh/", json!({ "refresh": refresh })).await.0, status);
    }
    // A client above the rate limit stays logged in.
    let query = json!({ "query": "mutation { refreshToken(input: {}) { errors { code } } }" });
    for token in [refresh.as_str(), "nonsense"] {
        let request =
            reqwest::Client::new().post(format!("http://{address}/graphql")).header("x-forwarded-for", here.1);
        let request = request.header("x-jeton-session", "cookie").header("cookie", format!("jeton_refresh={token}"));
        let answer = request.json(&query).send().await.unwrap();
        assert!(!answer.headers().contains_key("set-cookie"));
        assert!(answer.text().await.unwrap().contains("RATE_LIMITED"));
    }
    assert_eq!(there.post("/api/token/refresh/", json!({ "refresh": refresh })).await.0, 200);
}

#[apply(on_both_databases)]
async fn names_that_are_too_long_are_answered_and_counted_like_unknown_ones(on: On) {
    let settings = "http.trusted_proxies = ['127.0.0.1/32']\nauth.login_attempts_before_delay_per_address = 8\nauth.login_attempts_before_delay = 100";
    let app = TestApp::with(on, settings).await;
    let address = app.serve().await;
    let (here, there) = (From(address, "203.0.113.7"), From(address, "203.0.113.8"));
    // Each of these characters expands to eighteen in the normal form of names.
    let long = "\u{fdfa}".repeat(160_000);
    let timed = async |from: &From, name: &str| {
        let begun = std::time::Instant::now();
        let mut answers = Vec::new();
        for _ in 0..4 {
            let (status, rest) = from.post("/api/token/", json!({ "username": name, "password": "x" })).await;
            answers.push((status, rest, from.login(name, "x").await));
        }
        (answers, begun.elapsed())
    };
    let (known, quick) = timed(&there, "nobody").await;
    let (answers, slow) = timed(&here, &long).await;
    assert_eq!(answers, known);
    assert_eq!(answers[0].2, "UNAUTHENTICATED");
    // Before the fix they took about a hundred times as long.
    assert!(slow < quick * 20, "{slow:?} {quick:?}");
    assert_eq!(here.login(&long, "x").await, "UNAUTHENTICATED");
    assert_eq!(here.login(&long, "x").await, "RATE_LIMITED", "eight tries are free, and one begins the wait");
}

#[apply(on_both_databases)]
async fn what_is_too_long_is_rejected_by_its_length(on: On) {
    let app = TestApp::start(on).await;
    let (nobody, mia, root) = (app.anonymous(), app.user("mia").await, app.superuser("root").await);
    let (long, name) = ("x".repeat(500_000), "\u{fdfa}".repeat(160_000));
    // Registering and logging in.
    let body = json!({ "username": name, "password": &long[..250_000], "password2": &long[..250_000] });
    let answer = nobody.post("/api/register/", body).await;
    assert_eq!(
        answer.text,
        r#"{"username":["Ensure this field has no more than 50 characters."],"password":["Ensure this password has no more than 256 characters."]}"#
    );
    let register = "mutation($n: String!, $p: String!) {
        register(input: {username: $n, password: $p}) { errors { field message } } }";
    let told = nobody.data(register, json!({ "n": name, "p": "x".repeat(300) })).await;
    let expected = json!([
        { "field": "username", "message": "Ensure this field has no more than 50 characters." },
        { "field": "password", "message": "Ensure this password has no more than 256 characters." },
    ]);
    assert_eq!(told["register"]["errors"], expected);
    let create = "mutation($n: String!, $p: String!) {
        createUser(input: {username: $n, password: $p}) { errors { field message } } }";
    let told = root.data(create, json!({ "n": name, "p": "x".repeat(300) })).await;
    assert_eq!(told["createUser"]["errors"], expected);
    assert_eq!(nobody.post("/api/token/", json!({ "username": "mia", "password": long })).await.status, 401);
    // Passwords of authenticated users.
    let change = "mutation($o: String!, $n: String!) {
        changePassword(input: {oldPassword: $o, newPassword: $n}) { errors { field } } }";
    for (old, new, field) in [(long.as_str(), PASSWORD, "oldPassword"), (PASSWORD, &long, "newPassword")] {
        let told = mia.data(change, json!({ "o": old, "n": new })).await;
        assert_eq!(told["changePassword"]["errors"], json!([{ "field": field }]));
    }
    let delete = "mutation($p: String!) { deleteAccount(input: {password: $p}) { deletedId errors { field } } }";
    let told = mia.data(delete, json!({ "p": long })).await;
    assert_eq!(told["deleteAccount"]["errors"], json!([{ "field": "password" }]));
    // Tokens and keys.
    let refresh = nobody.post("/api/token/refresh/", json!({ "refresh": long })).await;
    assert_eq!((refresh.status.as_u16(), refresh.json()["code"].as_str()), (401, Some("token_not_valid")));
    let rotate = "mutation($t: String!) { refreshToken(input: {refreshToken: $t}) { errors { code } } }";
    let told = nobody.data(rotate, json!({ "t": long })).await;
    assert_eq!(told["refreshToken"]["errors"], json!([{ "code": "UNAUTHENTICATED" }]));
    for token in [format!("jt-{long}"), long.clone()] {
        let mut client = nobody.clone();
        client.access = Some(token);
        assert_eq!(client.get("/api/user/profile/").await.json()["code"], "token_not_valid");
        assert_eq!(client.get("/v1/models").await.status, 401);
        assert_eq!(client.post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);
    }
    // Searches.
    for query in [
        "query($s: String!) { users(search: $s) { totalCount } }",
        "query($s: String!) { userApiKeys(search: $s) { totalCount } }",
        "query($s: String!) { chats(search: $s) { totalCount } }",
        "query($s: String!) { chatHistory(search: $s) { totalCount } }",
    ] {
        for search in [&name, &long] {
            assert_eq!(root.code(query, json!({ "s": search })).await, "INVALID_INPUT", "{query}");
        }
        root.data(query, json!({ "s": "mia" })).await;
    }
    // Names of other objects.
    let key = "mutation($m: [String!]) { createApiKey(input: {name: \"k\", models: $m}) { errors { message } } }";
    let told = mia.data(key, json!({ "m": vec!["nonsense"; 900] })).await;
    assert!(told["createApiKey"]["errors"].as_array().unwrap().len() <= 101, "{told}");
    let title = "mutation($t: String!) { createConversation(input: {title: $t}) { errors { field } } }";
    let told = mia.data(title, json!({ "t": "a ".repeat(200_000) })).await;
    assert_eq!(told["createConversation"]["errors"], json!([{ "field": "title" }]));
}

/// Sends some bytes and waits for the connection to be closed. Returns how long that took, and what was received.
async fn closed(address: std::net::SocketAddr, first: &[u8], then: &[u8]) -> (Duration, String) {
    let start = std::time::Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let then = then.to_vec();
    let dribbling = tokio::spawn(async move {
        for byte in then.iter().cycle() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        // Sends nothing more, but keeps the connection open.
        std::future::pending::<()>().await;
        drop(write);
    });
    let mut told = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), read.read_to_end(&mut told)).await.expect("it is closed").ok();
    dribbling.abort();
    (start.elapsed(), String::from_utf8_lossy(&told).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_or_dribbles_is_closed() {
    let settings = "http.header_timeout = '400ms'\nhttp.body_timeout = '400ms'";
    let app = TestApp::with(On::Sqlite, settings).await;
    let address = app.serve().await;
    let post = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let whole = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let cases: [(&[u8], &[u8], &str); 4] = [
        (b"", b"", "silent from the start"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n", "dribbling headers"),
        (whole, b"", "idle after a request"),
        (post, b" ", "dribbling a body"),
    ];
    let all = cases.map(|(first, then, what)| async move {
        let (took, told) = closed(address, first, then).await;
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        (what, told)
    });
    let told = futures::future::join_all(all).await;
    assert!(told[2].1.starts_with("HTTP/1.1 200"), "{told:?}");
    assert!(told[3].1.starts_with("HTTP/1.1 4"), "{told:?}");
    // Other clients were served in the meantime.
    let again = client().get(format!("http://{address}/healthz")).send().await;
    assert_eq!(again.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_address_are_bounded() {
    let app = TestApp::with(On::Sqlite, "http.max_connections_per_address = 3").await;
    let address = app.serve().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        held.push(stream);
    }
    let (took, told) = closed(address, b"", b"").await;
    assert!(took < Duration::from_secs(2) && told.is_empty(), "{took:?} {told}");
    held.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(reqwest::get(format!("http://{address}/healthz")).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_user_are_bounded() {
    let app = TestApp::with(On::Sqlite, "graphql.streams_per_user = 2").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let address = app.serve().await;
    let query = "subscription { balanceChanged { tokens } }";
    let mut first = Events::open(address, mia.access.as_deref(), query, json!({})).await;
    first.hear().await;
    let second = Socket::begin(address, mia.access.as_deref()).await;
    let refused = Events::request(address, mia.access.as_deref(), query, json!({})).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(Events::request(address, tom.access.as_deref(), query, json!({})).await.status(), 200);
    drop((first, second));
    let free = async {
        while Events::request(address, mia.access.as_deref(), query, json!({})).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.expect("places come back");
}

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
