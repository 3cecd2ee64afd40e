//! Bodies and connections that are made to take time or memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::openai_api::post_raw;
use crate::support::installation::{Installation, client};
use crate::support::socket::Socket;
use crate::support::{On, TestApp, openai};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hostile_is_refused_by_name_and_costs_nothing() {
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(openai(&["http://127.0.0.1:9/v1"], 0))).await;
    let mia = app.user("mia").await;
    let many = |element: &str, bytes: usize| vec![element; bytes / (element.len() + 1)].join(",");
    let members: Vec<_> = (0..300).map(|number| format!("\"a{number}\":1")).collect();
    let start = "{\"model\":\"MODEL\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";
    for (body, param, word) in [
        (format!("{start},{}}}", members.join(",")), Value::Null, "200 members"),
        (format!("{start},\"{}\":1}}", "x".repeat(1000)), Value::Null, "256 bytes"),
        (format!("{start},\"x\":{}{}}}", "[".repeat(500), "]".repeat(500)), Value::Null, "128 levels"),
        (format!("{{\"model\":\"MODEL\",\"messages\":[{}]}}", many("[]", 5_000_000)), json!("messages"), "10000"),
        (format!("{{\"model\":\"MODEL\",\"messages\":[{}]}}", many("{}", 5_000_000)), json!("messages"), "10000"),
        (
            format!("{{\"model\":\"MODEL\",\"messages\":[{{\"content\":[{}]}}]}}", many("{}", 5_000_000)),
            json!("messages"),
            "10000 content parts",
        ),
        (format!("{start},\"stream_options\":[{}]}}", many("[]", 5_000_000)), json!("stream_options"), "16384 bytes"),
        (format!("{start},\"max_tokens\":\"{}\"}}", "x".repeat(1_000_000)), json!("max_tokens"), "16384 bytes"),
        (format!("{{\"model\":\"{}\",\"messages\":[]}}", "x".repeat(1_000_000)), json!("model"), "16384 bytes"),
    ] {
        for model in ["echo", "by_unit"] {
            let refused = post_raw(&mia, &body.replace("MODEL", model), &[]).await;
            let error = &refused.json()["error"];
            assert_eq!((refused.status.as_u16(), &error["param"]), (400, &param), "{word}: {error}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(word) && message.len() < 500, "{word}: {message}");
        }
    }
    let local = [
        (format!("{start},\"stop\":[{}]}}", many("\"\"", 1_000_000)), "stop"),
        (format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}", "x".repeat(300_000)), "messages"),
        (
            format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"x\",\"name\":[{}]}}]}}", many("[]", 300_000)),
            "messages",
        ),
        (format!("{{\"messages\":[{{{}}}]}}", members.join(",")), "messages[0]"),
    ];
    for (body, param) in local {
        let body = body.replace("{\"messages\"", "{\"model\":\"echo\",\"messages\"").replace("MODEL", "echo");
        let refused = post_raw(&mia, &body, &[]).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["param"]),
            (400, &json!(param)),
            "{}",
            refused.text
        );
    }
    // The same of forms and other JSON.
    let values = format!("{{\"query\":\"{{ __typename }}\",\"variables\":{{\"x\":[{}]}}}}", many("[]", 500_000));
    for path in ["/graphql", "/graphql/stream", "/api/register/"] {
        let request = Request::post(path).header("content-type", "application/json");
        let refused = mia.send(request.body(Body::from(values.clone())).unwrap()).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text.contains("more than 10000 values"), "{path}: {}", refused.text);
    }
    assert_eq!((app.balance(&mia).await, app.app.bodies.in_use()), ((4000, 0), (0, 0)));
}

/// A large WebSocket message and an endless request head are bounded for each connection.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_may_buffer_is_bounded() {
    let app = TestApp::start(On::Sqlite).await;
    let server = app.serve().await;
    let mut socket = Socket::begin(server, None).await;
    socket.subscribe("1", "{ __typename }", json!({ "x": "y".repeat(60_000) })).await;
    assert_eq!(socket.hear_next("1").await["data"]["__typename"], "Query");
    socket.hear().await;
    socket.subscribe("2", "{ __typename }", json!({ "x": "y".repeat(70_000) })).await;
    assert_eq!(socket.closed().await.0, 1009);
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut sent = 0;
    for _ in 0..100 {
        match stream.write_all(format!("a: {}\r\n", "x".repeat(4000)).as_bytes()).await {
            Ok(()) => sent += 4000,
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() && sent < 400_000 || answer.starts_with("HTTP/1.1 431"), "{sent}: {answer}");
}

/// Regression: a body of 20 MB once took 1.3 GiB as parsed values.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_take_little_more_memory_than_their_bytes() {
    let settings = [("JETON_HTTP__BODY_BYTES_PER_SECOND_PER_CLIENT", "0")];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let before = server.most_memory();
    let many = |element: &str| vec![element; 20_000_000 / (element.len() + 1)].join(",");
    let bodies = [
        format!("{{\"model\":\"echo\",\"messages\":[{}]}}", many("[]")),
        format!("{{\"model\":\"echo\",\"messages\":[{{\"role\":\"user\",\"content\":[{}]}}]}}", many("{}")),
        format!("{{\"model\":\"echo\",\"messages\":[1],\"stop\":[{}]}}", many("{\"\":0}")),
        format!("{{\"model\":\"echo\",\"messages\":[1],\"x\":{}", "[".repeat(20_000_000)),
        format!("{{{}}}", many("\"a\":0")),
    ];
    for body in bodies {
        let call = client().post(format!("{}/v1/chat/completions", server.url)).bearer_auth(&access);
        let answer = call.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.len() < 1000, "{text}");
    }
    let taken = server.most_memory() - before;
    assert!(taken < 150 << 20, "{} MiB", taken >> 20);
    server.kill();
}
