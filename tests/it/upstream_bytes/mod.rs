//! Upstream responses, byte for byte as real ones are known to be: the result in Jeton's own format and passed through,
//! whole and as a stream, at a flat price and at a metered one.

mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::post;
use rstest_reuse::apply;
use serde_json::{Value, json};

use self::Comes::{Beside, BrokenOff, Nothing, Text, Thoughts};
use self::rows::rows;
use crate::support::{Client, On, TestApp, on_both_databases, openai_with};

/// The result of a response.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comes {
    /// Complete, with this text.
    Text(&'static str),
    /// Complete, with content for API clients, but without text.
    Beside,
    /// Only reasoning.
    Thoughts,
    /// Truncated after this text.
    BrokenOff(&'static str),
    /// No reply: an error, and free.
    Nothing,
}

/// The bytes of a response, their result, and the usage that they report.
struct Row {
    bytes: String,
    comes: Comes,
    usage: Option<(u64, u64)>,
}

/// Serves the requested row, in chunks of seven bytes. Returns the URL and the counter of calls.
async fn serve(rows: Arc<Vec<Row>>) -> (String, Arc<AtomicUsize>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move |body: String| {
        counted.fetch_add(1, Ordering::SeqCst);
        let body: Value = serde_json::from_str(&body).unwrap();
        let number: usize = body["messages"][0]["content"].as_str().unwrap().parse().unwrap();
        let bytes = rows[number].bytes.clone().into_bytes();
        let chunks: Vec<_> = bytes.chunks(7).map(|chunk| Ok::<_, std::convert::Infallible>(chunk.to_vec())).collect();
        // The content type is not reliable.
        let kind = ["application/json", "text/event-stream"][number % 2];
        let body = Body::from_stream(futures::stream::iter(chunks));
        std::future::ready(Response::builder().header("content-type", kind).body(body).unwrap())
    };
    let router = Router::new().route("/v1/chat/completions", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), calls)
}

const FLAT: i64 = 100;

/// Checks the cost: exact if the usage is known, otherwise more than nothing.
fn check_cost(row: &Row, model: &str, cost: i64, estimated: bool, what: &str) {
    let is_flat = model == "upstream";
    let is_native = what == "native";
    match (row.comes, row.usage) {
        (Nothing, _) => assert_eq!(cost, 0, "{what}"),
        (Text(_), _) if is_flat => assert_eq!(cost, FLAT, "{what}"),
        (Beside, _) if is_flat && !is_native => assert_eq!(cost, FLAT, "{what}"),
        _ if is_flat => assert_eq!(cost, 0, "{what}"),
        (Text(_), Some((input, output))) => {
            assert_eq!((cost, estimated), (i64::try_from(input + output).unwrap(), false), "{what}");
        }
        (Beside | Thoughts, Some((input, output))) => {
            assert!(cost >= i64::try_from(input + output).unwrap(), "{what}: {cost}");
        }
        (_, None) => assert!(cost > 0 && estimated, "{what}: {cost}, {estimated}"),
        (BrokenOff(_), Some(_)) => unreachable!("there is none"),
    }
}

async fn native(mia: &Client, model: &str, number: usize, row: &Row) {
    let chat = mia.say(model, &number.to_string()).await["chat"].take();
    // A model that reached its limit within its reasoning says so, and has not failed.
    let is_cut = row.comes == Thoughts && row.bytes.contains("\"length\"");
    let status = if matches!(row.comes, Text(_)) || is_cut { "DONE" } else { "FAILED" };
    assert_eq!(chat["status"], status, "{chat}");
    if let Text(text) | BrokenOff(text) = row.comes {
        assert_eq!(chat["response"], text, "{chat}");
    }
    if row.comes == Thoughts && !is_cut {
        assert!(chat["error"]["message"].as_str().unwrap().contains("reasoning"), "{chat}");
    }
    check_cost(row, model, chat["cost"].as_i64().unwrap(), chat["usage"]["estimated"] == true, "native");
}

async fn passed_on(mia: &Client, model: &str, number: usize, row: &Row, stream: bool) {
    let call =
        json!({ "model": model, "messages": [{ "role": "user", "content": number.to_string() }], "stream": stream });
    let answer = mia.post("/v1/chat/completions", call).await;
    let (status, shown) = (answer.status.as_u16(), answer.text.clone());
    let mut text = String::new();
    let (mut is_error, mut is_done) = (status != 200, false);
    if stream && status == 200 {
        // As a parser of events reads it.
        for event in shown.replace("\r\n", "\n").replace('\r', "\n").split_terminator("\n\n") {
            let data: Vec<_> = event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
            let data = data.join("\n");
            if data.is_empty() {
                assert!(!event.contains("data"), "{event:?} of {shown:?}");
                continue;
            }
            assert!(!is_done, "nothing comes after the end");
            is_done = data == "[DONE]";
            if !is_done {
                let part: Value = lossy(&data);
                assert!(part.is_object(), "{data:?}");
                is_error |= part.get("error").is_some_and(|error| !error.is_null());
                text += &content(&part, "delta");
            }
        }
    } else {
        let body: Value = lossy(&shown);
        is_error |= body.get("error").is_some_and(|error| !error.is_null());
        text = content(&body, "message");
    }
    match row.comes {
        Text(expected) => {
            // Surrogate halves are joined by the client.
            let expected = expected.replace(['\u{fffd}', '\u{1f600}'], "?");
            let text = text.replace(['\u{fffd}', '\u{1f600}'], "?").replace("??", "?");
            assert!(!is_error && text == expected, "{text:?}: {shown:?}");
        }
        Beside | Thoughts => assert!(!is_error && text.is_empty(), "{text:?}: {shown:?}"),
        BrokenOff(expected) => {
            assert!(is_error && !is_done, "{shown:?}");
            assert!(!stream || text == expected, "{text:?}: {shown:?}");
        }
        Nothing => {
            assert!(is_error && !is_done && text.is_empty(), "{shown:?}");
            assert!(shown.contains("\"message\":\""), "it can be read: {shown:?}");
        }
    }
    let chats = mia.data("{ chatHistory(first: 1) { nodes { cost usage { estimated } } } }", json!({})).await;
    let chat = &chats["chatHistory"]["nodes"][0];
    let what = if stream { "stream" } else { "whole" };
    check_cost(row, model, chat["cost"].as_i64().unwrap(), chat["usage"]["estimated"] == true, what);
}

/// Parses JSON with surrogate halves replaced by question marks.
fn lossy(json: &str) -> Value {
    let mut text = json.to_owned();
    for half in ["\\ud83d\\ude00", "\\ud83d", "\\ude00"] {
        text = text.replace(half, "?");
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {json:?}"))
}

/// Returns the text of the first choice, as OpenAI's clients read it.
fn content(answer: &Value, member: &str) -> String {
    let choices = answer["choices"].as_array().cloned().unwrap_or_default();
    let first = choices.iter().filter(|choice| choice["index"].as_u64().unwrap_or_default() == 0);
    let texts = first.map(|choice| match &choice[member]["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str().or(part.as_str())).collect::<String>()
        }
        _ => choice["text"].as_str().unwrap_or_default().to_owned(),
    });
    texts.collect()
}

#[apply(on_both_databases)]
async fn each_of_these_answers_has_its_text_usage_end_and_price(on: On) {
    let rows = Arc::new(rows());
    assert!(rows.len() >= 120, "{}", rows.len());
    let (url, calls) = serve(rows.clone()).await;
    let settings = "limits.messages_per_minute_per_user = 0\nledger.signup_grant = 100000000";
    let provider = openai_with(&[&url], 0, |settings| settings.circuit_cooldown = Duration::ZERO);
    let app = TestApp::with_provider(on, settings, Arc::new(provider)).await;
    let mia = app.user("mia").await;
    let mut asked = 0;
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        for model in ["upstream", "by_unit"] {
            for way in ["native", "stream", "whole"] {
                let check = async {
                    match way {
                        "native" => native(&mia, model, number, row).await,
                        way => passed_on(&mia, model, number, row, way == "stream").await,
                    }
                };
                // All failures are reported.
                if let Err(panic) = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(check)).await {
                    let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    wrong.push(format!("{way}, {model}, {:?}: {:?}: {why}", row.comes, row.bytes));
                }
                asked += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(calls.load(Ordering::SeqCst), asked, "none is asked for twice");
    app.settled().await;
}
