use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::infra::ai::upstream::{ChatCompletions, Params, Protocol, Remote, Settings, UpstreamConfig};
use crate::infra::ai::{Message, Passthrough, Provider, RawRequest, Request, Role};

/// Returns what an upstream receives as the head and the body of a request.
async fn received(request: Request) -> (String, String) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Remote::new(Settings {
        protocol: Protocol::ChatCompletions(ChatCompletions::default()),
        upstreams: vec![UpstreamConfig {
            base_url: format!("http://{}", upstream.local_addr().unwrap()),
            api_key: None,
            upstream_model: "up".to_owned(),
            ..Default::default()
        }],
        max_retries: 0,
        context_window: 1000,
        units_per_image: 1000,
        max_tokens_param: None,
        circuit_cooldown: Duration::from_secs(1),
        params: Params::new(&[], &[], &BTreeMap::new(), &[], &[]),
    });
    let serving = async {
        let (mut connection, _) = upstream.accept().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            connection.read_buf(&mut bytes).await.unwrap();
            let text = String::from_utf8(bytes.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() == length.expect("a request has a length") {
                connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                return (head, body.to_owned());
            }
        }
    };
    let asking = provider.unwrap().reply(request).collect::<Vec<_>>();
    tokio::join!(asking, serving).1
}

#[tokio::test]
async fn a_call_in_segments_arrives_whole_and_with_its_length() {
    let image = "x".repeat(100_000);
    let body = format!("{{\"model\":\"a\",\"messages\":[\"{image}\"],\"n\":1}}");
    let call = RawRequest::parse(Bytes::from(body)).unwrap();
    let passing = Some(Passthrough { call, stream: false, show_usage: false });
    let (head, body) = received(Request { passing, max_output: 7, ..Request::default() }).await;
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert_eq!(body, format!("{{\"max_tokens\":7,\"model\":\"up\",\"messages\":[\"{image}\"],\"n\":1}}"));
}

#[tokio::test]
async fn a_request_in_our_own_format_is_written_once_with_its_limit_last() {
    let messages = vec![Message::new(Role::User, "\"hi\"\n")];
    let (_, body) = received(Request { messages: messages.into(), max_output: 7, ..Request::default() }).await;
    let expected = "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"hi\\\"\\n\"}],\"stream\":true,\
                    \"stream_options\":{\"include_usage\":true},\"max_tokens\":7}";
    assert_eq!(body, expected);
}
