//! HTTP and WebSocket connections: closing, headers, timeouts.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{On, TestApp};

/// A closing handshake is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_answered() {
    use futures::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    for before in [false, true] {
        let mut socket = match before {
            true => crate::support::socket::Socket::open(address, Some("graphql-transport-ws"), None).await,
            false => crate::support::socket::Socket::begin(address, mia.access.as_deref()).await,
        };
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        socket.0.send(Message::Close(Some(frame))).await.unwrap();
        let answer = loop {
            match socket.0.next().await.unwrap().unwrap() {
                Message::Close(frame) => break frame,
                _ => continue,
            }
        };
        assert_eq!(answer.unwrap().code, CloseCode::Normal);
    }
}

/// Sends bytes. Returns all that is received until the connection is closed.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_one_host_is_400() {
    let address = TestApp::start(On::Sqlite).await.serve().await;
    let status = async |version: &str, hosts: &str| {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        exchange(address, &request).await.get(9..12).unwrap().to_owned()
    };
    assert_eq!(status("1.1", "Host: chat.example\r\n").await, "200");
    assert_eq!(status("1.0", "").await, "200");
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a/b\r\n"] {
        assert_eq!(status("1.1", hosts).await, "400", "{hosts:?}");
    }
}

/// The names of response headers have the capitalization of the request (`Sec-WebSocket-Protocol`) or the conventional
/// one, since some clients compare them case-sensitively.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_headers_have_the_letters_that_clients_look_for() {
    let address = TestApp::start(On::Sqlite).await.serve().await;
    let upgrade = |protocol: &str| {
        format!(
            "GET /graphql/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}: graphql-transport-ws\r\n\r\n"
        )
    };
    for protocol in ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(upgrade(protocol).as_bytes()).await.unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains(&format!("\r\n{protocol}: graphql-transport-ws\r\n")), "{head}");
        assert!(head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nConnection: "), "{head}");
    }
    let answer = exchange(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("\r\nContent-Type: ") && answer.contains("\r\nX-Request-Id: "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_408() {
    let app = TestApp::with(On::Sqlite, "http.body_timeout = '300ms'").await;
    let (address, mia) = (app.serve().await, app.user("mia").await);
    let access = mia.access.unwrap();
    for path in ["/graphql", "/graphql/stream", "/api/chat/", "/api/token/", "/v1/chat/completions"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {access}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too slowly"), "{path}: {answer}");
    }
}
