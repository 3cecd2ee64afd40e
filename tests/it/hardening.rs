//! Hardening of a server on the open internet: keys, TLS, and security headers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderName, Request};
use jeton::core::password::QueueKind;
use jeton::domain::account::admin;
use jeton::infra::entity::user;
use rstest_reuse::apply;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, EntityTrait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::installation::{Installation, client};
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const ME: &str = "{ me { username } }";

/// Waits until the condition holds: files are polled every few seconds.
async fn becomes(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the id (`kid`) of the key that signed a token.
fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_the_server_runs() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let server = installation.serve();
    let old = server.register("mia").await;
    let create = "mutation { createApiKey(input: {name: \"k\", scopes: [COMPLETIONS]}) { secret } }";
    let key = server.data(Some(&old), create).await["createApiKey"]["secret"].as_str().unwrap().to_owned();
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "Hi" }] });

    let stdout = installation.ok(&["signing-key", "rotate"]);
    assert!(stdout.contains(&format!("tokens of {} are valid until", kid(&old))), "{stdout}");
    let names = std::cell::Cell::new(0);
    becomes("the server signs with the new key", async || {
        names.set(names.get() + 1);
        stdout.starts_with(&kid(&server.register(&format!("user{}", names.get())).await))
    })
    .await;
    assert_eq!(server.data(Some(&old), ME).await["me"]["username"], "mia", "the old token is good");
    assert_eq!(server.post("/v1/chat/completions", Some(&key), call.clone()).await.0, 200);

    let new = server.register("tom").await;
    let stdout = installation.ok(&["signing-key", "rotate", "--revoke"]);
    assert!(stdout.contains("no longer valid"), "{stdout}");
    let is_refused = async |token: &str| server.post("/graphql", Some(token), json!({ "query": ME })).await.0 == 401;
    becomes("a leaked key is revoked", async || is_refused(&new).await).await;
    assert!(is_refused(&old).await);
    // API keys are not tokens: they stay valid, also after a restart of the server.
    assert_eq!(server.post("/v1/chat/completions", Some(&key), call.clone()).await.0, 200);
    assert!(server.terminate());
    let server = installation.serve();
    assert_eq!(server.post("/v1/chat/completions", Some(&key), call).await.0, 200);
    let listed = installation.ok(&["signing-key", "list"]);
    assert!(listed.contains("signs") && listed.contains("hashes API keys"), "{listed}");
    let file = std::fs::read_to_string(installation.data.path().join("signing.key")).unwrap();
    let secrets: Vec<_> = file.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(secrets.len() == 2 && !secrets.iter().any(|secret| listed.contains(secret)), "{listed}");
}

#[apply(on_both_databases)]
async fn tokens_of_another_issuer_or_for_another_audience_are_refused(on: On) {
    let app = TestApp::with(on, "auth.issuer = 'https://jeton.example'\nauth.audience = 'jeton'").await;
    let mia = app.user("mia").await;
    assert_eq!(mia.data(ME, json!({})).await["me"]["username"], "mia");
    let access = mia.access.clone().unwrap();
    let claims: Value = jsonwebtoken::dangerous::insecure_decode::<Value>(&access).unwrap().claims;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://jeton.example"), &json!("jeton")));
    let key = jsonwebtoken::EncodingKey::from_secret(b"a signing key for tests, and for tests only");
    let signed = |claims: &Value| jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap();
    let status = async |claims: &Value| {
        let mut forger = Client::new(app.router.clone(), None);
        forger.access = Some(signed(claims));
        forger.post("/graphql", json!({ "query": ME })).await.status.as_u16()
    };
    assert_eq!(status(&claims).await, 200);
    for (claim, value) in [("iss", json!("https://other.example")), ("aud", json!("other")), ("iss", Value::Null)] {
        let mut other = claims.clone();
        other[claim] = value;
        assert_eq!(status(&other).await, 401, "{other}");
    }
    for claim in ["iss", "aud"] {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(status(&without).await, 401, "{without}");
    }
}

/// A self-signed certificate for this machine, and its key.
fn certificate(directory: &Path) -> (PathBuf, PathBuf, reqwest::Certificate) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (directory.join("chain.pem"), directory.join("key.pem"));
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    (chain, key, reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap())
}

fn trusting(certificate: &reqwest::Certificate) -> reqwest::Client {
    drop(client());
    reqwest::Client::builder().tls_certs_only([certificate.clone()]).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_ends_here_and_certificates_are_renewed_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let (chain, key, first) = certificate(directory.path());
    let settings = [
        ("JETON_HTTP__TLS_CERTIFICATE", chain.to_str().unwrap()),
        ("JETON_HTTP__TLS_KEY", key.to_str().unwrap()),
        ("JETON_HTTP__HEADER_TIMEOUT", "1s"),
    ];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let server = installation.serve();
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let login = json!({ "query": format!(
        "mutation {{ register(input: {{username: \"mia\", password: \"{PASSWORD}\"}}) {{ user {{ username }} }} }}") });
    let sent = trusting(&first)
        .post(format!("{}/graphql", server.url))
        .header("x-jeton-session", "cookie")
        .json(&login)
        .send()
        .await
        .unwrap();
    let header = |name: &str| sent.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("strict-transport-security").as_deref(), Some("max-age=31536000"));
    assert!(header("set-cookie").unwrap().contains("; Secure"));

    // A client without a handshake does not block others, and one without TLS gets no response.
    let address = server.url.trim_start_matches("https://").to_owned();
    let mut silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut plain = tokio::net::TcpStream::connect(&address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    for (stream, who) in [(&mut silent, "silent"), (&mut plain, "plain")] {
        let mut said = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await;
        assert!(read.is_ok(), "{who}");
        assert!(!String::from_utf8_lossy(&said).contains("HTTP"), "{who}");
    }

    // Invalid files change nothing.
    std::fs::write(&key, "no key").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let alive = async |certificate: &reqwest::Certificate| {
        trusting(certificate).get(format!("{}/healthz", server.url)).send().await.is_ok()
    };
    assert!(alive(&first).await);
    let (_, _, second) = certificate(directory.path());
    becomes("the new certificate is served", async || alive(&second).await).await;
    assert!(!alive(&first).await);
    assert!(server.terminate());

    for (text, wrong) in [("no certificate", "it holds no certificate"), ("", "it holds no certificate")] {
        std::fs::write(&chain, text).unwrap();
        let output = installation.run(&["serve"], "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("chain.pem") && stderr.contains(wrong), "{stderr}");
    }
}

#[apply(on_both_databases)]
async fn superusers_with_passwords_that_everybody_tries_are_found(on: On) {
    let app = TestApp::start(on).await;
    for name in ["Root", "careful", "gone"] {
        app.superuser(name).await;
    }
    app.staff("helper").await;
    let set = async |name: &str, password: &str, active: bool| {
        let user = jeton::domain::account::find_by_name(&app.app, name).await.unwrap().unwrap();
        let hash = app.app.hasher.enter(QueueKind::NewPassword, None).unwrap().hash(password.into()).await.unwrap();
        app.app
            .db
            .write((user.id, hash, active), |txn, (id, hash, active)| {
                Box::pin(async move {
                    let row = user::ActiveModel {
                        id: Set(*id),
                        password_hash: Set(hash.clone()),
                        is_active: Set(*active),
                        ..Default::default()
                    };
                    Ok(row.update(txn).await?)
                })
            })
            .await
            .unwrap();
    };
    assert_eq!(admin::superusers_with_common_passwords(&app.app).await.unwrap(), Vec::<String>::new());
    set("gone", "password", false).await;
    set("helper", "password", true).await;
    assert_eq!(admin::superusers_with_common_passwords(&app.app).await.unwrap(), Vec::<String>::new());
    for password in ["changeme", "root", "Root123", "12345678", ""] {
        set("Root", password, true).await;
        assert_eq!(admin::superusers_with_common_passwords(&app.app).await.unwrap(), ["Root"], "{password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_with_such_a_password_is_not_served_on_a_network() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let made = installation.run(&["createsuperuser", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(made.status.success());
    let db = jeton::infra::db::Db::connect(&installation.place.url(), 2).await.unwrap();
    let hasher = jeton::core::password::Hasher::new(1, 1).unwrap();
    let hash = hasher.enter(QueueKind::NewPassword, None).unwrap().hash("changeme".into()).await.unwrap();
    db.write(hash, |txn, hash| {
        Box::pin(async move {
            let weaker = user::Entity::update_many().col_expr(user::Column::PasswordHash, Expr::value(hash.as_str()));
            Ok(weaker.exec(txn).await?)
        })
    })
    .await
    .unwrap();
    drop(db);
    let mut command = installation.command(&["serve"]);
    let output = command.env("JETON_HTTP__LISTEN", "0.0.0.0:0").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("jeton user set-password admin"), "{stderr}");
    assert!(!stderr.contains("changeme"), "which one it is stays unsaid: {stderr}");
    // On a loopback address it is allowed.
    drop(installation.serve());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_protect_it() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    for path in ["/api/balance/", "/graphql?query={me{id}}", "/healthz", "/nothing", "/v1/models", "/", "/login"] {
        let answer = mia.send(Request::get(path).header("accept", "*/*").body(Body::empty()).unwrap()).await;
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(header("referrer-policy"), Some("same-origin"), "{path}");
        let kept = header("cache-control").unwrap();
        assert!(kept == "no-store" || (kept == "no-cache" && header("etag").is_some()), "{path}: {kept}");
        for absent in ["server", "x-powered-by", "strict-transport-security", "access-control-allow-origin"] {
            assert_eq!(header(absent), None, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_may_call_from_a_browser_and_never_with_the_cookie() {
    let app = TestApp::with(On::Sqlite, "http.cors_origins = ['https://chat.example']").await;
    let mia = app.user("mia").await;
    let ask = async |origin: &str, method: &str, wanted: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/graphql?query={me{username}}")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", wanted);
        mia.send(request.body(Body::empty()).unwrap()).await.headers
    };
    let wanted = "authorization,content-type,idempotency-key,traceparent,x-stainless-os";
    let preflight = ask("https://chat.example", "OPTIONS", wanted).await;
    assert_eq!(preflight["access-control-allow-origin"], "https://chat.example");
    // The headers of common libraries; the cookie is not a header that a page could set.
    assert_eq!(preflight["access-control-allow-headers"], wanted);
    assert!(!preflight.contains_key("access-control-allow-credentials"));
    let answer = ask("https://chat.example", "GET", "").await;
    assert_eq!(answer["access-control-allow-origin"], "https://chat.example");
    let shown = answer["access-control-expose-headers"].to_str().unwrap();
    assert!(shown.contains("x-jeton-cost") && shown.contains("x-jeton-tokens-remaining"), "{shown}");
    assert!(answer.get("vary").unwrap().to_str().unwrap().to_lowercase().contains("origin"));
    for other in ["https://evil.example", "http://chat.example", "https://chat.example.evil.example", "null"] {
        assert!(!ask(other, "OPTIONS", "authorization").await.contains_key("access-control-allow-origin"), "{other}");
        assert!(!ask(other, "GET", "").await.contains_key("access-control-allow-origin"), "{other}");
    }
    // Off by default.
    let app = TestApp::start(On::Sqlite).await;
    let request = Request::options("/graphql").header("origin", "https://chat.example");
    let request = request.header("access-control-request-method", "POST").body(Body::empty()).unwrap();
    assert!(!app.anonymous().send(request).await.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn what_can_be_no_origin_or_certificate_is_refused_by_name() {
    for (toml, wrong) in [
        ("http.cors_origins = ['*']", "http.cors_origins"),
        ("http.cors_origins = ['https://chat.example/']", "not an origin"),
        ("http.cors_origins = ['chat.example']", "not an origin"),
        ("http.cors_origins = ['https://*.example']", "not an origin"),
        ("http.tls_certificate = 'chain.pem'", "both, or neither"),
        ("http.write_timeout = '0s'", "http.write_timeout: longer than 0"),
        ("ledger.staff_daily_limit = -1", "ledger.staff_daily_limit: not negative"),
        ("auth.previous_secrets = ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']", "auth.secret: required"),
        (
            "auth.secret = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\nauth.api_key_pepper = 'short'",
            "auth.api_key_pepper",
        ),
    ] {
        let error = jeton::infra::config::Config::from_toml(toml).unwrap_err().to_string();
        assert!(error.contains(wrong), "{toml}: {error}");
    }
    let config = "auth.secret = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n\
                  auth.previous_secrets = ['bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb']\n\
                  auth.api_key_pepper = 'cccccccccccccccccccccccccccccccccc'\n\
                  database.url = 'postgres://me:dddd@host/jeton'";
    let config = jeton::infra::config::Config::from_toml(config).unwrap();
    for shown in [config.shown(), format!("{config:?}")] {
        assert!(!["aaaa", "bbbb", "cccc", "dddd"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}

/// A browser opens cross-origin WebSockets without a preflight, and a WebSocket can register and log in.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_for_our_own_pages_and_listed_ones() {
    let app = TestApp::with(On::Sqlite, "http.cors_origins = ['https://chat.example']").await;
    let address = app.serve().await;
    let own = format!("http://{address}");
    let opened = async |headers: &[(&str, &str)]| {
        let mut request = format!("ws://{address}/graphql/ws").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok(_) => 101,
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => answer.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    for (headers, status) in [
        (&[][..], 101),
        (&[("origin", own.as_str())], 101),
        (&[("origin", "https://chat.example")], 101),
        (&[("origin", "https://chat.example"), ("sec-fetch-site", "cross-site")], 101),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "https://chat.example.evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "")], 403),
        (&[("origin", own.as_str()), ("sec-fetch-site", "cross-site")], 403),
        (&[("origin", "http://localhost:1"), ("sec-fetch-site", "same-site")], 403),
        // Behind a proxy that sets a host of its own.
        (&[("origin", "https://own.example"), ("sec-fetch-site", "same-origin")], 101),
    ] {
        assert_eq!(opened(headers).await, status, "{headers:?}");
    }
}
