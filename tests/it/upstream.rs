//! OpenAI-compatible upstreams, correct and faulty, over real HTTP: the resulting chat and its cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use futures::StreamExt;
use jeton::core::error::Code;
use jeton::infra::ai::upstream::Remote;
use jeton::infra::ai::{Event, Message, Provider, Request, Role, Usage};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{On, TestApp, on_both_databases};

/// A response of an upstream: its status, the chunks of its body, and possibly a hang.
#[derive(Clone)]
struct Script {
    status: u16,
    chunks: Vec<Vec<u8>>,
    then_hang: bool,
}

struct Upstream {
    scripts: Vec<Script>,
    calls: AtomicUsize,
    heard: std::sync::Mutex<Vec<(HeaderMap, Value)>>,
}

/// Starts an upstream that plays the scripts, and repeats the last one. Returns its address.
async fn upstream(scripts: Vec<Script>) -> (String, Arc<Upstream>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let state = Arc::new(Upstream { scripts, calls: AtomicUsize::new(0), heard: Default::default() });
    let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(state.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), state)
}

async fn answer(State(upstream): State<Arc<Upstream>>, headers: HeaderMap, body: String) -> Response<Body> {
    upstream.heard.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
    let call = upstream.calls.fetch_add(1, Ordering::SeqCst);
    let script = upstream.scripts[call.min(upstream.scripts.len() - 1)].clone();
    let chunks = async_stream::stream! {
        for chunk in script.chunks {
            tokio::time::sleep(Duration::from_millis(5)).await;
            yield Ok::<_, std::convert::Infallible>(chunk);
        }
        if script.then_hang {
            std::future::pending::<()>().await;
        }
    };
    let response = Response::builder().status(script.status).header("content-type", "text/event-stream");
    response.body(Body::from_stream(chunks)).unwrap()
}

fn ok(chunks: &[&str]) -> Script {
    Script { status: 200, chunks: chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect(), then_hang: false }
}

fn status(status: u16) -> Script {
    Script { status, chunks: vec![br#"{"error": {"message": "no, sk-secret is wrong"}}"#.to_vec()], then_hang: false }
}

fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }))
}

const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn provider(base_url: &str, retries: u32) -> Remote {
    crate::support::openai(&[base_url], retries)
}

/// Calls the provider. Returns the text and the result.
async fn ask(base_url: &str, retries: u32) -> (String, Result<Option<Usage>, (Code, String)>) {
    let messages = vec![Message::new(Role::User, "Hi")];
    let mut reply =
        provider(base_url, retries).reply(Request { messages: messages.into(), max_output: 99, ..Request::default() });
    let mut text = String::new();
    while let Some(event) = reply.next().await {
        match event {
            Ok(Event::Chunk(piece)) => text += &piece,
            Ok(Event::Done(usage)) => return (text, Ok(usage)),
            Ok(Event::Accepted | Event::Usage(_) | Event::Finish(_)) => {}
            Ok(Event::Reasoning { .. } | Event::Other(_) | Event::ReasoningIsAnswer(_) | Event::KeepAlive) => {}
            Ok(Event::ReasoningBlock(_)) => {}
            Ok(Event::RawChunk { .. } | Event::Rejected { .. }) => panic!("nothing was passed on"),
            Err(error) => return (text, Err((error.code, format!("{error:?}")))),
        }
    }
    panic!("a reply ends with its end or an error");
}

#[tokio::test]
async fn a_whole_reply_comes_in_pieces_and_ends_with_its_usage() {
    // A character of three bytes, cut in the middle by the network.
    let euro = piece("€");
    let (head, tail) = euro.as_bytes().split_at(euro.find('€').unwrap() + 1);
    let script = Script {
        status: 200,
        chunks: vec![piece("10 ").into_bytes(), head.to_vec(), tail.to_vec(), STOP.into(), USAGE.into(), DONE.into()],
        then_hang: true,
    };
    let (url, upstream) = upstream(vec![script]).await;
    assert_eq!(ask(&url, 0).await, ("10 €".to_owned(), Ok(Some(Usage::of(7, 3)))));
    let (headers, body) = upstream.heard.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    let expected = json!({ "model": "gpt-test", "messages": [{ "role": "user", "content": "Hi" }], "stream": true,
        "stream_options": { "include_usage": true }, "max_tokens": 99 });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_reply_is_whole_with_a_finish_reason_and_broken_off_without() {
    let (url, _) = upstream(vec![ok(&[&piece("yes"), STOP])]).await;
    assert_eq!(ask(&url, 0).await, ("yes".to_owned(), Ok(None)));
    let (url, _) = upstream(vec![ok(&["\u{feff}", &piece("yes"), DONE])]).await;
    assert_eq!(ask(&url, 0).await, ("yes".to_owned(), Ok(None)), "a byte order mark is not text");
    let (url, _) = upstream(vec![ok(&[&piece("yes"), &piece(" bu")])]).await;
    let (text, end) = ask(&url, 0).await;
    assert_eq!((text.as_str(), end.unwrap_err().0), ("yes bu", Code::ProviderUnavailable));
}

#[tokio::test]
async fn what_passes_is_tried_again_but_never_after_the_first_byte() {
    for passing in [429, 500, 502, 503, 504] {
        let (url, upstream) = upstream(vec![status(passing), ok(&[&piece("ok"), DONE])]).await;
        assert_eq!(ask(&url, 1).await.0, "ok", "{passing}");
        assert_eq!(upstream.calls.load(Ordering::SeqCst), 2);
    }
    let (url, upstream) = upstream(vec![ok(&[&piece("half")]), ok(&[&piece("whole"), DONE])]).await;
    assert_eq!(ask(&url, 3).await.0, "half");
    assert_eq!(upstream.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let cases = [
        (status(401), Code::Internal, "401"),
        (status(404), Code::Internal, "404"),
        (status(400), Code::ProviderUnavailable, "rejected"),
        (status(429), Code::ProviderUnavailable, "busy"),
        (status(500), Code::ProviderUnavailable, "500"),
        (ok(&["data: not json\n\n"]), Code::ProviderUnavailable, "truncated"),
        (
            ok(&["data: {\"error\":{\"message\":\"sk-secret overloaded\"}}\n\n"]),
            Code::ProviderUnavailable,
            "overloaded",
        ),
        (ok(&["<html>hello</html>"]), Code::ProviderUnavailable, "truncated"),
        (status(302), Code::ProviderUnavailable, "302"),
    ];
    for (script, code, message) in cases {
        let (url, upstream) = upstream(vec![script]).await;
        let (text, end) = ask(&url, 0).await;
        let (found, debug) = end.unwrap_err();
        assert_eq!((text.as_str(), found), ("", code), "{debug}");
        assert!(debug.contains(message), "{debug}");
        assert!(!debug.contains("sk-secret"), "{debug}");
        assert_eq!(upstream.calls.load(Ordering::SeqCst), 1, "{debug}");
    }
    let (_, end) = ask("http://127.0.0.1:9/v1", 0).await;
    assert_eq!(end.unwrap_err().0, Code::ProviderUnavailable, "nothing listens there");
}

#[apply(on_both_databases)]
#[case::before_output(status(500), "", "ChatFailed", 0)]
#[case::wrong_key(status(401), "", "ChatFailed", 0)]
#[case::garbage(ok(&["data: }{\n\n"]), "", "ChatFailed", 0)]
#[case::midway(ok(&[&piece("Half")]), "Half", "ChatBrokenOff", 0)]
#[case::hanging(Script { status: 200, chunks: vec![piece("Half").into_bytes()], then_hang: true }, "Half", "ChatBrokenOff", 0)]
#[case::silent(Script { status: 200, chunks: vec![], then_hang: true }, "", "ChatFailed", 0)]
#[case::whole(ok(&[&piece("Whole"), DONE]), "Whole", "ChatDone", -100)]
async fn who_pays_when_an_upstream_fails(
    on: On,
    #[case] script: Script,
    #[case] kept: &str,
    #[case] reason: &str,
    #[case] amount: i64,
) {
    let (url, _) = upstream(vec![script]).await;
    let limits = "turns.first_chunk_timeout = '300ms'\nturns.chunk_timeout = '300ms'";
    let app = TestApp::with_provider(on, limits, Arc::new(provider(&url, 0))).await;
    let mia = app.user("mia").await;
    let sent = mia.say("upstream", "Hello").await;
    assert_eq!(sent["chat"]["response"], kept);
    assert_eq!(app.ledger(&mia).await[1], (reason.to_owned(), amount));
    assert_eq!(app.balance(&mia).await, (4000 + amount, 0));
    let rest = mia.get("/api/chat/").await.json();
    assert_eq!(rest.as_array().unwrap().len(), usize::from(amount != 0), "only whole answers are in the old history");
}

#[apply(on_both_databases)]
async fn the_reason_why_a_reply_ended_is_kept_and_shown(on: On) {
    let end = |reason: &str| {
        let choice = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
        ok(&[&piece("Half a sen"), &format!("data: {choice}\n\n"), USAGE, DONE])
    };
    let scripts = vec![
        end("length"),
        end("MAX_TOKENS"),
        end("stop"),
        end("content_filter"),
        end("of its own"),
        ok(&[&piece("no reason"), DONE]),
        ok(&[&piece("Half")]),
    ];
    let (url, _) = upstream(scripts).await;
    let app = TestApp::with_provider(on, "", Arc::new(provider(&url, 0))).await;
    let mia = app.user("mia").await;
    let query = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { chat { status finishReason } errors { code } } }";
    for (status, reason) in [
        ("DONE", json!("LENGTH")),
        ("DONE", json!("LENGTH")),
        ("DONE", json!("STOP")),
        ("DONE", json!("CONTENT_FILTER")),
        ("DONE", Value::Null),
        ("DONE", Value::Null),
        ("FAILED", Value::Null),
    ] {
        let input = json!({ "message": "Hi", "model": "upstream" });
        let sent = mia.data(query, json!({ "input": input })).await["sendMessage"].take();
        assert_eq!(sent["chat"], json!({ "status": status, "finishReason": reason }), "{sent}");
    }
    let list = "{ chatHistory { nodes { finishReason } } }";
    let stored = mia.data(list, json!({})).await["chatHistory"]["nodes"].take();
    assert_eq!((&stored[6], &stored[4]), (&json!({ "finishReason": "LENGTH" }), &json!({ "finishReason": "STOP" })));
}
