//! Connections and streams: their number, and the time of those that send nothing.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::installation::client;
use crate::support::socket::{Events, Socket};
use crate::support::{On, TestApp};

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
    let mut received = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), read.read_to_end(&mut received)).await.expect("it is closed").ok();
    dribbling.abort();
    (start.elapsed(), String::from_utf8_lossy(&received).into_owned())
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
        let (took, received) = closed(address, first, then).await;
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        (what, received)
    });
    let received = futures::future::join_all(all).await;
    assert!(received[2].1.starts_with("HTTP/1.1 200"), "{received:?}");
    assert!(received[3].1.starts_with("HTTP/1.1 4"), "{received:?}");
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
    let (took, received) = closed(address, b"", b"").await;
    assert!(took < Duration::from_secs(2) && received.is_empty(), "{took:?} {received}");
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
