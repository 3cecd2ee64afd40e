//! Upstream responses, byte for byte as real ones are known to be: the result in Jeton's own format and passed through,
//! whole and as a stream, at a flat price and at a metered one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::post;
use rstest_reuse::apply;
use serde_json::{Value, json};

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
use Comes::{Beside, BrokenOff, Nothing, Text, Thoughts};

/// The bytes of a response, their result, and the usage that they report.
struct Row {
    bytes: String,
    comes: Comes,
    usage: Option<(u64, u64)>,
}

fn row(bytes: impl Into<String>, comes: Comes, usage: Option<(u64, u64)>) -> Row {
    Row { bytes: bytes.into(), comes, usage }
}

fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// Returns a complete stream of one choice with these deltas.
fn stream(deltas: &[&str], usage: &str) -> String {
    let delta =
        |delta: &&str| event(&format!("{{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}"));
    let deltas: String = deltas.iter().map(delta).collect();
    let end = event("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    let usage = if usage.is_empty() { String::new() } else { event(&format!("{{\"choices\":[],{usage}}}")) };
    format!("{deltas}{end}{usage}data: [DONE]\n\n")
}

/// Returns a whole response with this message.
fn whole(message: &str, usage: &str) -> String {
    let usage = if usage.is_empty() { String::new() } else { format!(",{usage}") };
    format!("{{\"choices\":[{{\"index\":0,\"message\":{message},\"finish_reason\":\"stop\"}}]{usage}}}")
}

const USAGE: &str = "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}";
const HELLO: &str = "{\"content\":\"Hello\"}";

fn rows() -> Vec<Row> {
    let told = Some((7, 5));
    let mut rows = Vec::new();
    // The usage, with every name and in every form.
    for (usage, is) in [
        (USAGE, told),
        ("\"usage\":{\"input_tokens\":7,\"output_tokens\":5}", told),
        ("\"usage\":{\"promptTokens\":7,\"completionTokens\":5}", told),
        ("\"usage\":{\"prompt_tokens\":7.0,\"completion_tokens\":4.5}", told),
        ("\"usage\":{\"prompt_tokens\":\"7\",\"completion_tokens\":\"5\"}", told),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":null,\"total_tokens\":12}", told),
        ("\"usage\":{\"completion_tokens\":5,\"total_tokens\":12}", told),
        ("\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":5}", told),
        ("\"x_groq\":{\"id\":\"x\",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}", told),
        ("\"prompt_eval_count\":7,\"eval_count\":5", told),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"x\":[]}", told),
        ("", None),
        ("\"usage\":null", None),
        ("\"usage\":{}", None),
        ("\"usage\":[]", None),
        ("\"usage\":7", None),
        ("\"usage\":{\"prompt_tokens\":7}", None),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":null}", None),
        ("\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}", None),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}", None),
        ("\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":-1}", None),
    ] {
        rows.push(row(stream(&[HELLO], usage), Text("Hello"), is));
        rows.push(row(whole(HELLO, usage), Text("Hello"), is));
    }
    // The text, in every form.
    for (message, text) in [
        ("{\"role\":\"assistant\",\"content\":\"Hello\"}", "Hello"),
        ("{\"content\":[{\"type\":\"text\",\"text\":\"Hel\"},{\"type\":\"text\",\"text\":\"lo\"}]}", "Hello"),
        ("{\"content\":[\"Hel\",\"lo\"]}", "Hello"),
        ("{\"content\":\"Hello\",\"tool_calls\":null,\"function_call\":null,\"refusal\":null}", "Hello"),
        ("{\"content\":\"\\ud83d\\ude00\"}", "\u{1f600}"),
        ("{\"content\":\"Hello\\ud83d\"}", "Hello\u{fffd}"),
        ("{\"content\":\"\\ude00Hello\"}", "\u{fffd}Hello"),
        ("{\"content\":\"Hello\",\"reasoning_content\":\"I think\"}", "Hello"),
    ] {
        rows.push(row(stream(&[message], USAGE), Text(text), told));
        rows.push(row(whole(message, USAGE), Text(text), told));
    }
    let choice = |choice: &str| format!("{{\"choices\":[{choice}],{USAGE}}}");
    rows.extend([
        row(stream(&["{\"content\":\"\\ud83d\"}", "{\"content\":\"\\ude00!\"}"], USAGE), Text("\u{1f600}!"), told),
        row(stream(&["{\"role\":\"assistant\",\"content\":null}", "null", "{}", HELLO], USAGE), Text("Hello"), told),
        row(choice("{\"text\":\"Hello\",\"finish_reason\":\"stop\"}"), Text("Hello"), told),
        row(choice("{\"index\":null,\"message\":{\"content\":\"Hello\"}}"), Text("Hello"), told),
        row(
            choice("null,{\"index\":0,\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"length\"}"),
            Text("Hello"),
            told,
        ),
        row(choice("{\"message\":{\"content\":\"Hello\"},\"finish_reason\":7,\"logprobs\":{}}"), Text("Hello"), told),
        row(format!(" \n{}", whole(HELLO, USAGE)), Text("Hello"), told),
        row(
            whole(HELLO, USAGE).replacen('{', "{\"error\":null,\"object\":\"chat.completion\",", 1),
            Text("Hello"),
            told,
        ),
    ]);
    // Lines without content, and unusual line ends.
    let good = stream(&[HELLO], USAGE);
    for (odd, comes) in [
        (format!("data:\n\n{good}"), Text("Hello")),
        (format!("data: null\n\n{good}"), Text("Hello")),
        (format!(": ping\n\n{good}"), Text("Hello")),
        (format!("event: ping\ndata: {{}}\n\n{good}"), Text("Hello")),
        (format!("\u{feff}{good}"), Text("Hello")),
        (good.replace("\n\n", "\r\n\r\n"), Text("Hello")),
        (good.replace("\n\n", "\r\r"), Text("Hello")),
        (good.replace("data: ", "data:"), Text("Hello")),
        (good.replace("data: ", "id: 1\nevent: message\ndata: "), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "data: [DONE]", 1), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "", 1), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "data: [DO", 1), Text("Hello")),
        (good.replacen("\"choices\":[],", "\"choices\":null,", 1), Text("Hello")),
        (good.replacen("\"choices\":[],", "", 1), Text("Hello")),
        (good.replacen("\"finish_reason\":null", "\"finish_reason\":\"\"", 1), Text("Hello")),
        (good.replacen("\"finish_reason\":null", "\"index\":0", 1), Text("Hello")),
    ] {
        rows.push(row(odd, comes, told));
    }
    // Truncated responses, cut at various positions.
    let half = |end: &str| {
        format!("{}{end}", event("{\"choices\":[{\"delta\":{\"content\":\"Hel\"},\"finish_reason\":\"\"}]}"))
    };
    for end in [
        "",
        "d",
        "data",
        "data: ",
        "data: {\"choices\":[{\"delta\":{\"content\":\"lo",
        "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]",
        ": a comm",
        "event: x\n",
        "data: [DON",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud8",
    ] {
        rows.push(row(half(end), BrokenOff("Hel"), None));
    }
    // An error after the text.
    for error in [
        "{\"error\":{\"message\":\"Out of order\",\"code\":500}}",
        "{\"error\":\"Out of order\"}",
        "{\"object\":\"error\",\"message\":\"Out of order\"}",
        "{\"detail\":\"Out of order\"}",
        "{\"code\":500,\"msg\":\"Out of order\"}",
        "{\"choices\":[],\"error\":{\"code\":\"overloaded\"}}",
    ] {
        rows.push(row(half(&event(error)), BrokenOff("Hel"), None));
    }
    rows.push(row(half("event: error\ndata: Out of order\n\n"), BrokenOff("Hel"), None));
    // Responses that are no replies.
    for nothing in [
        "",
        " ",
        "{}",
        "null",
        "[]",
        "\"Hello\"",
        "Not found",
        "<html>Not found</html>",
        "[DONE]",
        "{\"detail\":\"Not found\"}",
        "{\"message\":\"Not found\"}",
        "{\"object\":\"error\",\"message\":\"No model\",\"code\":404}",
        "{\"code\":500,\"msg\":\"No model\"}",
        "{\"error\":{\"message\":\"No model\"}}",
        "{\"error\":\"No model\"}",
        "{\"choices\":[]}",
        "{\"choices\":null}",
        "{\"choices\":{}}",
        "{\"choices\":[null]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hel",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}}",
    ] {
        rows.push(row(nothing, Nothing, None));
    }
    for nothing in [
        "data: [DONE]\n\n".to_owned(),
        event("{}") + "data: [DONE]\n\n",
        event("{\"detail\":\"Not found\"}"),
        event("{\"error\":{\"message\":\"No model\"}}"),
        event("Not found") + "data: [DONE]\n\n",
        stream(&["{\"role\":\"assistant\",\"content\":\"\"}"], ""),
        stream(&[], ""),
        event("{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}"),
        "event: error\ndata: No model\n\n".to_owned(),
    ] {
        rows.push(row(nothing, Nothing, None));
    }
    // Content for API clients.
    for message in [
        "{\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
        "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}]}",
        "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}]}",
        "{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}",
        "{\"content\":\"\",\"refusal\":\"I can't.\"}",
        "{\"audio\":{\"id\":\"a\",\"transcript\":\"Hello\",\"data\":\"AAAA\"}}",
        "{\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}",
        "{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/b.png\"}}]}",
    ] {
        rows.push(row(stream(&[message], USAGE), Beside, told));
        rows.push(row(whole(message, USAGE), Beside, told));
        rows.push(row(whole(message, ""), Beside, None));
    }
    for thoughts in [
        "{\"reasoning_content\":\"Let me think\"}",
        "{\"content\":\"\",\"reasoning\":\"Let me think\"}",
        "{\"content\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Let me think\"}]}",
        "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"Let me think\"}]}",
        "{\"thinking\":\"Let me think\"}",
    ] {
        rows.push(row(stream(&[thoughts], USAGE).replace("\"stop\"", "\"length\""), Thoughts, told));
        rows.push(row(whole(thoughts, USAGE), Thoughts, told));
        rows.push(row(stream(&[thoughts], ""), Thoughts, None));
    }
    rows
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
    let status = if matches!(row.comes, Text(_)) { "DONE" } else { "FAILED" };
    assert_eq!(chat["status"], status, "{chat}");
    if let Text(text) | BrokenOff(text) = row.comes {
        assert_eq!(chat["response"], text, "{chat}");
    }
    if row.comes == Thoughts {
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
