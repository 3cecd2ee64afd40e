//! `/v1`: responses to OpenAI's clients, requests to upstreams, and charges.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::StreamExt;
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::api_keys::with_key;
use crate::support::client::Answer;
use crate::support::{Client, On, Step, TestApp, openai};

/// The behavior of an upstream.
#[derive(Clone)]
pub enum Does {
    /// Responds with this status and body.
    Say(u16, String),
    /// Responds with this body as JSON.
    Json(String),
    /// Streams these events, each after this delay.
    Stream(Duration, Vec<String>),
    /// Streams these events, and then hangs.
    Hang(Vec<String>),
    /// Streams as many words as the last message requests, one model token each, and reports the usage unless disabled.
    Words { tell_usage: bool },
}

#[derive(Default)]
pub struct Heard {
    pub bodies: std::sync::Mutex<Vec<(HeaderMap, String)>>,
    /// Generated words, by request.
    produced: std::sync::Mutex<Vec<(String, String)>>,
    pub calls: AtomicUsize,
}

/// Starts an upstream. Returns its address, and the requests that it receives.
pub async fn upstream(does: Does) -> (String, Arc<Heard>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let heard = Arc::new(Heard::default());
    let router = Router::new().route("/v1/chat/completions", post(answer)).with_state((does, heard.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), heard)
}

async fn answer(State((does, heard)): State<(Does, Arc<Heard>)>, headers: HeaderMap, body: String) -> Response<Body> {
    heard.calls.fetch_add(1, Ordering::SeqCst);
    heard.bodies.lock().unwrap().push((headers, body.clone()));
    if let Does::Json(body) = does {
        return Response::builder().header("content-type", "application/json").body(Body::from(body)).unwrap();
    }
    let response = Response::builder().header("content-type", "text/event-stream");
    let (pause, events, hang) = match does {
        Does::Say(status, body) => return response.status(status).body(Body::from(body)).unwrap(),
        Does::Stream(pause, events) => (pause, events, false),
        Does::Hang(events) => (Duration::ZERO, events, true),
        Does::Json(_) => unreachable!("answered above"),
        Does::Words { tell_usage } => return words(response, heard, &body, tell_usage),
    };
    let events = async_stream::stream! {
        for event in events {
            tokio::time::sleep(pause).await;
            yield Ok::<_, std::convert::Infallible>(event);
        }
        if hang {
            std::future::pending::<()>().await;
        }
    };
    response.body(Body::from_stream(events)).unwrap()
}

fn words(response: axum::http::response::Builder, heard: Arc<Heard>, body: &str, tell_usage: bool) -> Response<Body> {
    let body: Value = serde_json::from_str(body).unwrap();
    let asked = body["messages"][0]["content"].as_str().unwrap().to_owned();
    let count: u64 = asked.split(' ').nth(1).unwrap().parse().unwrap();
    let events = async_stream::stream! {
        let mut said = String::new();
        for number in 0..count {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let word = format!(" w{number}");
            said += &word;
            heard.produced.lock().unwrap().push((asked.clone(), word.clone()));
            yield Ok::<_, std::convert::Infallible>(piece(&word));
        }
        yield Ok(STOP.to_owned());
        if tell_usage {
            let usage = json!({ "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": count } });
            yield Ok(format!("data: {usage}\n\n"));
        }
        yield Ok(DONE.to_owned());
    };
    response.body(Body::from_stream(events)).unwrap()
}

pub fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }))
}

pub const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";

pub async fn app_with(on: On, toml: &str, base_urls: &[&str]) -> TestApp {
    TestApp::with_provider(on, toml, Arc::new(openai(base_urls, 0))).await
}

pub fn asking(model: &str, stream: bool) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }], "stream": stream })
}

pub async fn post_raw(client: &Client, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Returns the events of a streamed response, and whether it ended correctly.
fn parts(text: &str) -> (Vec<Value>, bool) {
    let mut events: Vec<_> = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    let done = events.last() == Some(&"[DONE]");
    if done {
        events.pop();
    }
    (events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect(), done)
}

pub async fn chats(client: &Client) -> Vec<Value> {
    let query = "{ chatHistory(first: 100) { nodes { id message response status cost hold
        usage { input output estimated } error { code message } } } }";
    client.data(query, json!({})).await["chatHistory"]["nodes"].as_array().unwrap().clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn models_of_this_house_answer_in_openais_shape(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let (program, _) = with_key(&mia, json!({ "name": "k" })).await;
    let whole = program.post("/v1/chat/completions", asking("echo", false)).await;
    let body = whole.json();
    assert_eq!(whole.status, 200);
    assert_eq!(body["choices"][0]["message"]["content"], "AI Response to: Hi");
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("echo")));
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"], json!({ "prompt_tokens": 2, "completion_tokens": 18, "total_tokens": 20 }));
    let header = |name: &str| whole.headers[name].to_str().unwrap().to_owned();
    assert_eq!((header("x-jeton-cost"), header("x-jeton-tokens-remaining")), ("100".to_owned(), "3900".to_owned()));
    assert_eq!(body["id"], format!("chatcmpl-{}", header("x-jeton-chat-id")));
    assert!(!header("x-request-id").is_empty());

    app.model.play([
        Step::Say("one "),
        Step::Say("two"),
        Step::End(Some(jeton::infra::ai::Usage { input: 3, output: 2 })),
    ]);
    let mut body = asking("scripted", true);
    body["stream_options"] = json!({ "include_usage": true });
    let streamed = program.post("/v1/chat/completions", body).await;
    assert_eq!(streamed.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(streamed.headers["x-jeton-hold"], "100");
    let (told, done) = parts(&streamed.text);
    let text: String = told.iter().filter_map(|part| part["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), done), ("one two", true));
    assert_eq!(told[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(told[told.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(told.last().unwrap()["usage"], json!({ "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 }));
    assert_eq!(told.last().unwrap()["choices"], json!([]));

    // The messages are not stored, the cost is.
    for chat in chats(&mia).await {
        assert_eq!((&chat["message"], &chat["response"], &chat["cost"]), (&json!(""), &json!(""), &json!(100)));
        assert_eq!((&chat["status"], &chat["usage"]["estimated"]), (&json!("DONE"), &json!(false)));
    }
    assert_eq!(app.balance(&mia).await, (3800, 0));
    // If configured, they are in the history.
    let storing = TestApp::with(on, "v1.store_api_messages = true").await;
    let mia = storing.user("mia").await;
    mia.post("/v1/chat/completions", asking("echo", false)).await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["message"], &chat["response"]), (&json!("Hi"), &json!("AI Response to: Hi")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_these_models_do_not_know_is_refused_by_name() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let with = |name: &str, value: Value| {
        let mut body = asking("echo", false);
        body[name] = value;
        body
    };
    let image = json!([{ "role": "user", "content": [{ "type": "text", "text": "x" }, { "type": "image_url" }] }]);
    for (body, param) in [
        (with("tools", json!([{ "type": "function" }])), "tools"),
        (with("response_format", json!({ "type": "json_object" })), "response_format"),
        (with("logprobs", json!(true)), "logprobs"),
        (with("frequency_penalty", json!(0.5)), "frequency_penalty"),
        (with("a_field_of_the_future", json!(1)), "a_field_of_the_future"),
        (with("n", json!(2)), "n"),
        (with("n", json!(0)), "n"),
        (with("temperature", json!(2.5)), "temperature"),
        (with("temperature", json!("hot")), "temperature"),
        (with("stop", json!(["a", "b", "c", "d", "e"])), "stop"),
        (with("stop", json!([1])), "stop"),
        (with("max_tokens", json!(0)), "max_tokens"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("stream", json!("yes")), "stream"),
        (with("stream_options", json!({})), "stream_options"),
        (with("model", json!(7)), "model"),
        (with("messages", json!([])), "messages"),
        (with("messages", json!("Hi")), "messages"),
        (with("messages", json!([{ "role": "wizard", "content": "x" }])), "messages[0].role"),
        (with("messages", json!([{ "role": "user" }])), "messages[0].content"),
        (with("messages", image), "messages[0].content[1]"),
        (with("messages", json!([{ "role": "tool", "content": "x" }])), "messages[0].role"),
    ] {
        let refused = mia.post("/v1/chat/completions", body.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!(param)), "{body}");
    }
    for body in ["", "[]", "{\"model\":", "{\"model\":\"echo\",\"model\":\"scripted\",\"messages\":[]}", "\u{feff}{}"] {
        let refused = post_raw(&mia, body, &[]).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    }
    let mut accepted = with("stop", json!("to"));
    for (name, value) in [
        ("temperature", json!(0)),
        ("top_p", json!(1)),
        ("seed", json!(-7)),
        ("user", json!("u")),
        ("frequency_penalty", json!(0)),
        ("tools", json!([])),
        ("logprobs", Value::Null),
        ("max_tokens", json!(500)),
    ] {
        accepted[name] = value;
    }
    let answered = mia.post("/v1/chat/completions", accepted).await.json();
    assert_eq!(answered["choices"][0]["message"]["content"], "AI Response ");
    let cut = mia.post("/v1/chat/completions", with("max_completion_tokens", json!(3))).await.json();
    assert_eq!(
        (&cut["choices"][0]["message"]["content"], &cut["choices"][0]["finish_reason"]),
        (&json!("AI "), &json!("length"))
    );
    assert_eq!(app.balance(&mia).await, (3800, 0), "what is refused costs nothing");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_gets_the_call_byte_for_byte_and_so_does_the_caller(#[values(On::Sqlite, On::Postgres)] on: On) {
    let answer = "{ \"id\":\"x\", \"model\" : \"gpt-test-2026\",\"choices\":[{\"index\":0,\"message\":{\"content\":null,\
        \"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}],\
        \"usage\":{\"prompt_tokens\":11,\"completion_tokens\":22},\"unknown\":1.0e+3}\n";
    let (url, heard) = upstream(Does::Say(200, answer.to_owned())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let body = "{\n \"model\" : \"by_unit\" , \"messages\":[{\"role\":\"user\",\"content\":\"\\u00fc \\/ x\",\"new\":[ ]}],\
        \"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}], \"temperature\":1.0, \"future\":{\"a\":1e2}, \
        \"max_completion_tokens\" : 50, \"n\":2}";
    let told = post_raw(&mia, body, &[]).await;
    assert_eq!((told.status.as_u16(), told.text.as_str()), (200, answer));
    assert_eq!(told.headers["x-jeton-cost"], "33");
    let (headers, sent) = heard.bodies.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    let expected = body.replace("\"by_unit\"", "\"gpt-test\"");
    assert_eq!(sent, expected);
    let chat = &chats(&mia).await[0];
    // The hold is for the bytes of the call and two replies of fifty model tokens.
    assert_eq!(chat["hold"], body.len() + 100);
    assert_eq!(
        (&chat["cost"], &chat["usage"]),
        (&json!(33), &json!({ "input": 11, "output": 22, "estimated": false }))
    );

    // The output limit is reduced to the balance, and set if there is none.
    let balance = app.balance(&mia).await.0;
    let long = format!("{{\"model\":\"by_unit\",\"messages\":[{{\"content\":\"{}\"}}]}}", "x".repeat(3700));
    post_raw(&mia, &long, &[]).await;
    let affordable = balance - long.len() as i64;
    let (_, sent) = heard.bodies.lock().unwrap()[1].clone();
    assert_eq!(
        sent,
        long.replace("{\"model\":\"by_unit\"", &format!("{{\"max_tokens\":{affordable},\"model\":\"gpt-test\""))
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn streams_are_passed_on_as_they_come(#[values(On::Sqlite, On::Postgres)] on: On) {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6}}\n\n".to_owned();
    let odd = "event: x\r\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ü\",\"z\":1}}]}\r\n\r\n".to_owned();
    let events = vec![
        ": hello\n\n".to_owned(),
        odd,
        piece("b"),
        "data: no json\n\n".to_owned(),
        STOP.to_owned(),
        usage,
        DONE.to_owned(),
    ];
    let (url, heard) = upstream(Does::Stream(Duration::from_millis(1), events.clone())).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let told = mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let without_usage: String = events.iter().filter(|event| !event.contains("usage")).cloned().collect();
    assert_eq!(told.text, without_usage, "what was asked on our own behalf is taken out again");
    let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap()[0].1).unwrap();
    assert_eq!(sent["stream_options"], json!({ "include_usage": true }));
    let mut body = asking("by_unit", true);
    body["stream_options"] = json!({ "include_usage": true });
    assert_eq!(mia.post("/v1/chat/completions", body).await.text, events.concat());
    for chat in chats(&mia).await {
        assert_eq!((&chat["cost"], &chat["usage"]["output"]), (&json!(10), &json!(6)));
    }
    // Without usage it is estimated, and marked.
    let (url, _) =
        upstream(Does::Stream(Duration::ZERO, vec![piece("tiktoken is great!"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["usage"]["output"], &chat["usage"]["estimated"]), (&json!(6), &json!(true)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_has_its_status_and_costs_nothing(#[values(On::Sqlite, On::Postgres)] on: On) {
    let error = |message: &str| json!({ "error": { "message": message, "type": "x", "code": "y" } }).to_string();
    for (does, stream, status, code) in [
        (Does::Say(400, error("tools[0] is wrong")), false, 400, json!("y")),
        (Does::Say(400, error("tools[0] is wrong")), true, 400, json!("y")),
        (Does::Say(401, error("sk-secret is wrong")), false, 502, json!("upstream_error")),
        (Does::Say(500, error("oh")), true, 503, json!("model_unavailable")),
        (Does::Say(429, error("slow down")), false, 503, json!("model_unavailable")),
        (Does::Say(200, "no json".to_owned()), false, 503, json!("model_unavailable")),
        (Does::Stream(Duration::ZERO, vec![]), true, 503, json!("model_unavailable")),
        (Does::Hang(vec![]), true, 504, json!("timeout")),
    ] {
        let (url, _) = upstream(does).await;
        let app = app_with(on, "turns.first_chunk_timeout = '300ms'", &[&url]).await;
        let mia = app.user("mia").await;
        let refused = mia.post("/v1/chat/completions", asking("by_unit", stream)).await;
        let told = refused.json();
        assert_eq!((refused.status.as_u16(), &told["error"]["code"]), (status, &code), "{told}");
        assert!(!refused.text.contains("sk-secret"));
        if status == 400 {
            assert_eq!(refused.text, error("tools[0] is wrong"), "as the upstream said it");
            assert_eq!(chats(&mia).await[0]["error"]["message"], "The language model rejected the message.");
        }
        assert_eq!(app.balance(&mia).await, (4000, 0), "{told}");
    }
    // Midway: the error is in the stream, and the generated output is charged.
    let (url, _) = upstream(Does::Stream(Duration::ZERO, vec![piece("tiktoken is great!")])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let told = mia.post("/v1/chat/completions", asking("by_unit", true)).await;
    let (told, done) = parts(&told.text);
    assert!(!done && told.last().unwrap()["error"]["code"] == "model_unavailable", "{told:?}");
    let chat = &chats(&mia).await[0];
    assert_eq!((&chat["status"], &chat["usage"]["output"]), (&json!("FAILED"), &json!(6)));
    assert!(chat["cost"].as_i64().unwrap() > 6);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_they_lack(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::with(on, "limits.messages_per_minute_per_key = 3\nv1.max_body_bytes = 5000").await;
    let mia = app.user("mia").await;
    let (program, _) = with_key(&mia, json!({ "name": "k" })).await;
    let nobody = app.anonymous();
    for (client, path) in [(&nobody, "/v1/models"), (&nobody, "/v1/models/echo")] {
        assert_eq!(client.get(path).await.json()["error"]["code"], "invalid_api_key");
    }
    let refused = nobody.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let refused = program.post("/v1/chat/completions", asking("none", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(program.get("/v1/nothing").await.json()["error"]["code"], "unknown_url");
    assert_eq!(program.get("/v1/chat/completions").await.status, 405);
    let large = format!("{{\"model\":\"echo\",\"x\":\"{}\"}}", "x".repeat(6000));
    assert_eq!(post_raw(&program, &large, &[]).await.status, 413);
    assert_eq!(post_raw(&program, "{}", &[("idempotency-key", "with space")]).await.status, 400);
    let form = Request::post("/v1/chat/completions").header("content-type", "text/plain");
    assert_eq!(program.send(form.body(Body::from("{}")).unwrap()).await.status, 415);

    for _ in 0..3 {
        assert_eq!(program.post("/v1/chat/completions", asking("echo", false)).await.status, 200);
    }
    let refused = program.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert!(refused.headers.contains_key("retry-after") && !refused.headers.contains_key("x-should-retry"));

    let staff = app.staff("operator").await;
    let adjust =
        "mutation($id: ID!) { adjustBalance(input: {userId: $id, amount: -3650, reason: \"x\"}) { errors { code } } }";
    staff.data(adjust, json!({ "id": mia.global_id().await })).await;
    let refused = mia.post("/v1/chat/completions", asking("echo", false)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    assert_eq!(refused.headers["x-should-retry"], "false");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_call_however_often(#[values(On::Sqlite, On::Postgres)] on: On) {
    let (url, heard) = upstream(Does::Stream(
        Duration::from_millis(20),
        vec![piece("a"), piece("b"), STOP.to_owned(), DONE.to_owned()],
    ))
    .await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let body = asking("upstream", true).to_string();
    let key = [("idempotency-key", "k-1")];
    let answers = join_all((0..20).map(|_| post_raw(&mia, &body, &key))).await;
    let expected: String = [piece("a"), piece("b"), STOP.to_owned(), DONE.to_owned()].concat();
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (200, &expected));
    }
    assert_eq!(post_raw(&mia, &body, &key).await.text, expected, "later too");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 1);
    assert_eq!(app.balance(&mia).await, (3900, 0));
    let other = post_raw(&mia, &body.replace("Hi", "Ho"), &key).await;
    assert_eq!((other.status.as_u16(), &other.headers["x-should-retry"]), (409, &"false".parse().unwrap()));
    // A free failure releases its idempotency key.
    app.model.play([Step::Fail]);
    let (failing, key3) = (asking("scripted", false).to_string(), [("idempotency-key", "k-3")]);
    assert_eq!(post_raw(&mia, &failing, &key3).await.status, 503);
    for _ in 0..2 {
        assert_eq!(post_raw(&mia, &failing, &key3).await.status, 200);
    }
    assert_eq!(app.balance(&mia).await, (3800, 0));
    // Without the cached response, as on another server or later, a retry is a CONFLICT and free.
    app.app.replay_cache.invalidate_all();
    let gone = post_raw(&mia, &body, &key).await;
    assert_eq!(gone.status, 409);
    assert_eq!(app.balance(&mia).await, (3800, 0));

    // A client that disconnects receives the response on a retry.
    let key = [("idempotency-key", "k-2")];
    let leaving = tokio::time::timeout(Duration::from_millis(30), post_raw(&mia, &body, &key)).await;
    assert!(leaving.is_err(), "the answer takes longer");
    assert_eq!(post_raw(&mia, &body, &key).await.text, expected);
    assert_eq!((heard.calls.load(Ordering::SeqCst), app.balance(&mia).await), (2, (3700, 0)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_stored_can_be_had_again_for_ever(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::with(on, "v1.store_api_messages = true").await;
    let mia = app.user("mia").await;
    let (body, key) = (asking("echo", false).to_string(), [("idempotency-key", "k")]);
    let first = post_raw(&mia, &body, &key).await.json();
    app.app.replay_cache.invalidate_all();
    assert_eq!(post_raw(&mia, &body, &key).await.json(), first);
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_next_upstream_answers_and_one_that_fails_rests(#[values(On::Sqlite, On::Postgres)] on: On) {
    let answer = json!({ "choices": [{ "index": 0, "message": { "content": "ok" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    let (bad, heard_bad) = upstream(Does::Say(500, String::new())).await;
    let (good, heard_good) = upstream(Does::Say(200, answer.to_string())).await;
    let dead = "http://127.0.0.1:9/v1";
    let app = app_with(on, "", &[dead, &bad, &good]).await;
    let mia = app.user("mia").await;
    for _ in 0..10 {
        assert_eq!(mia.post("/v1/chat/completions", asking("by_unit", false)).await.json(), answer);
    }
    assert_eq!(heard_bad.calls.load(Ordering::SeqCst), 5, "then it rests");
    assert_eq!(heard_good.calls.load(Ordering::SeqCst), 10);
    // An invalid request is no failure of the upstream, and another one would reject it, too.
    let (strict, heard) = upstream(Does::Say(400, String::new())).await;
    let app = app_with(on, "", &[&strict, &good]).await;
    let mia = app.user("mia").await;
    for _ in 0..7 {
        assert_eq!(mia.post("/v1/chat/completions", asking("by_unit", false)).await.status, 400);
    }
    assert_eq!(heard.calls.load(Ordering::SeqCst), 7);
}

/// Output up to the end of a stop sequence counts as usage, though it is not returned.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_text_does_not_shrink_the_usage_and_may_leave_nothing() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let ask = async |stop: Value, stream: bool| {
        let messages = json!([{ "role": "user", "content": "one two three" }]);
        let call = json!({ "model": "echo", "messages": messages, "stop": stop, "stream": stream });
        mia.post("/v1/chat/completions", call).await
    };
    let whole = ask(Value::Null, false).await.json();
    let all = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let cut = ask(json!([all]), false).await;
    assert_eq!(cut.status, 200, "{}", cut.text);
    let cut = cut.json();
    assert_eq!(cut["choices"][0]["message"]["content"], "");
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    assert_eq!(cut["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    let stream = ask(json!(all), true).await;
    assert!(stream.text.ends_with("data: [DONE]\n\n") && !stream.text.contains("error"), "{}", stream.text);
}

/// The codes are OpenAI's own, and so are the messages that clients parse.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_member_has_its_code() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    for (name, value, code, told) in [
        (
            "temperature",
            json!("hot"),
            "invalid_type",
            "Invalid type for 'temperature': expected a number, but got a string instead.",
        ),
        ("stream", json!("yes"), "invalid_type", "expected true or false, but got a string"),
        (
            "max_tokens",
            json!(-1),
            "invalid_type",
            "expected a whole number that is not negative, but got another number",
        ),
        ("seed", json!([1]), "invalid_type", "expected a whole number, but got a list"),
        ("model", json!({}), "invalid_type", "expected a string, but got an object"),
        ("stop", json!(1), "invalid_type", "expected a string or a list of strings, but got another number"),
        ("model", Value::Null, "missing_required_parameter", "Missing required parameter: 'model'."),
        ("messages", Value::Null, "missing_required_parameter", "Missing required parameter: 'messages'."),
        ("messages", json!([]), "empty_array", "`messages` is empty."),
        ("max_tokens", json!(0), "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
        ("temperature", json!(2.5), "decimal_above_max_value", "Expected a value <= 2, but got 2.5 instead."),
        ("top_p", json!(-0.5), "decimal_below_min_value", "Expected a value >= 0, but got -0.5 instead."),
        ("n", json!(2), "unsupported_value", "`n`"),
        ("stop", json!(vec!["a"; 50]), "invalid_value", "`stop` has at most"),
        ("tools", json!([{ "type": "function" }]), "unsupported_parameter", "`tools` is not supported"),
    ] {
        let mut call = asking("echo", false);
        call[name] = value;
        let refused = mia.post("/v1/chat/completions", call).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status.as_u16(), &error["param"], &error["code"]),
            (400, &json!(name), &json!(code)),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(told), "{error}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_so_many_at_once(#[values(On::Sqlite, On::Postgres)] on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let permits = Arc::new(Semaphore::new(0));
    for _ in 0..2 {
        app.model.play([Step::Wait(permits.clone()), Step::Say("x"), Step::End(None)]);
    }
    let first = mia.post("/v1/chat/completions", asking("narrow", false));
    let second = mia.post("/v1/chat/completions", asking("narrow", true));
    let third = async {
        while app.model.heard().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = mia.post("/v1/chat/completions", asking("narrow", false)).await;
        permits.add_permits(2);
        refused
    };
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!((first.status.as_u16(), second.status.as_u16(), third.status.as_u16()), (200, 200, 429));
    assert_eq!(third.json()["error"]["code"], "rate_limit_exceeded");
}

/// 200 streams, half of them aborted by their clients: each costs what the upstream generated for it.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_pays_what_was_produced(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[values("30s", "0s")] drain: &str,
) {
    let (url, heard) = upstream(Does::Words { tell_usage: true }).await;
    let app = app_with(
        on,
        &format!("v1.usage_wait_timeout = '{drain}'\nturns.open_per_user = 1000\nledger.signup_grant = 1000000"),
        &[&url],
    )
    .await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    let http = reqwest::Client::new();
    let access = mia.access.clone().unwrap();
    let calls = (0..200u64).map(|number| {
        let (http, access) = (http.clone(), access.clone());
        async move {
            let body = json!({ "model": "by_unit", "stream": true, "max_tokens": 200,
                "messages": [{ "role": "user", "content": format!("{number} {}", 20 + number % 60) }] });
            let call = http.post(format!("http://{address}/v1/chat/completions")).bearer_auth(access).json(&body);
            let mut answer = call.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let id = answer.headers()["x-jeton-chat-id"].to_str().unwrap().to_owned();
            let mut heard = Vec::new();
            while let Some(chunk) = answer.chunk().await.unwrap() {
                heard.extend_from_slice(&chunk);
                if number % 2 == 0 && heard.len() as u64 > number * 7 {
                    break;
                }
            }
            (number, id, said(&heard))
        }
    });
    let calls = join_all(calls).await;
    app.settled().await;
    let produced = heard.produced.lock().unwrap().clone();
    let mut estimated = 0;
    for (number, id, said) in calls {
        let id = BASE64_URL_SAFE_NO_PAD.encode(format!("Chat:{id}"));
        let query = "query($id: ID!) { chat(id: $id) { status cost usage { input output estimated } } }";
        let chat = mia.data(query, json!({ "id": id })).await["chat"].take();
        let asked = format!("{number} {}", 20 + number % 60);
        let words: Vec<_> = produced.iter().filter(|(by, _)| *by == asked).map(|(_, word)| word.as_str()).collect();
        let units = |name: &str| chat["usage"][name].as_i64().unwrap();
        assert_eq!(chat["cost"], units("input") + units("output"), "{chat}");
        if chat["usage"]["estimated"] == true {
            // A local estimate after a disconnect: no less than the client received (a word may be tokenized
            // differently at the end of the text), and no more than the upstream sent, the last of which may have been
            // in transit.
            estimated += 1;
            assert_eq!((&chat["status"], number % 2), (&json!("STOPPED"), 0));
            let count = |text: &str| tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as i64;
            let (most, least) = (count(&words.concat()), count(&said) - 1);
            assert!((least..=most).contains(&units("output")), "{chat}: {least} to {most}");
        } else {
            assert_eq!((&chat["status"], units("input")), (&json!("DONE"), 5));
            assert_eq!(units("output"), words.len() as i64, "{chat}");
        }
    }
    // Within the timeout, the upstream's own usage is awaited.
    if drain == "30s" { assert_eq!(estimated, 0) } else { assert!(estimated > 50, "{estimated}") }
}

/// Returns the text of the complete events of a stream.
fn said(stream: &[u8]) -> String {
    let stream = String::from_utf8_lossy(stream);
    let whole = stream.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let events = whole.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    events.filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// The local estimate, without usage from the upstream: within 2 % of what it generated.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_here_is_right_within_two_hundredths() {
    let (url, heard) = upstream(Does::Words { tell_usage: false }).await;
    let app = app_with(On::Sqlite, "v1.usage_wait_timeout = '0s'\nledger.signup_grant = 1000000", &[&url]).await;
    let mia = app.user("mia").await;
    for stay in [5u64, 50, 400] {
        heard.produced.lock().unwrap().clear();
        let call = chat_call(&format!("{stay} 1000"));
        let mut called =
            jeton::domain::chat::call(&app.app, viewer(&app, &mia).await.require_completions().unwrap(), call)
                .await
                .unwrap();
        for _ in 0..stay {
            called.events.next().await.unwrap();
        }
        drop(called);
        app.settled().await;
        let chat = &chats(&mia).await[0];
        assert_eq!((&chat["status"], &chat["usage"]["estimated"]), (&json!("STOPPED"), &json!(true)));
        let said: String = heard.produced.lock().unwrap().iter().map(|(_, word)| word.as_str()).collect();
        let expected = tiktoken_rs::o200k_base_singleton().encode_ordinary(&said).len() as f64;
        let counted = chat["usage"]["output"].as_f64().unwrap();
        // The upstream's last chunks may not have arrived.
        let on_its_way = 3.0 * 6.0;
        assert!((counted - expected).abs() <= expected * 0.02 + on_its_way, "{counted} of {expected}");
    }
}

async fn viewer(app: &TestApp, client: &Client) -> jeton::core::viewer::Viewer {
    let access = client.access.as_deref().unwrap();
    jeton::core::viewer::Viewer::User(jeton::domain::session::authenticate(&app.app, access).await.unwrap())
}

fn chat_call(content: &str) -> jeton::domain::chat::ApiCall {
    chat_call_of("by_unit", content)
}

/// A call that is passed through as a stream, or made in Jeton's own format.
pub fn chat_call_of(model: &str, content: &str) -> jeton::domain::chat::ApiCall {
    let body = json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": content }] });
    let call = jeton::infra::ai::RawRequest::parse(body.to_string().into()).unwrap();
    let passing = Some(jeton::infra::ai::Passthrough { call, stream: true, show_usage: false });
    jeton::domain::chat::ApiCall {
        model: model.to_owned(),
        request: jeton::infra::ai::Request { passing, ..Default::default() },
        max_output: None,
        choices: 1,
        text: content.to_owned(),
        idempotency_key: None,
        fingerprint: None,
        admission: None,
    }
}
