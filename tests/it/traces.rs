//! Traces as a collector receives them: a message is one trace, from the client's span to the upstream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use jeton::infra::config::Config;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::support::On;
use crate::support::installation::{Installation, client};

/// Received data: the collector's requests, and the headers of the upstream's requests.
#[derive(Clone, Default)]
struct Received {
    exports: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
    calls: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Received {
    /// Returns all spans by name.
    fn spans(&self) -> BTreeMap<String, Vec<Span>> {
        let mut by_name = BTreeMap::<String, Vec<Span>>::new();
        for (_, export) in self.exports.lock().unwrap().iter() {
            for span in export.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans) {
                by_name.entry(span.name.clone()).or_default().push(span.clone());
            }
        }
        by_name
    }
}

/// Starts a collector and an upstream in one. Returns its address.
async fn listen() -> (String, Received) {
    let received = Received::default();
    let router = Router::new()
        .route("/v1/traces", post(collect))
        .route("/v1/chat/completions", post(answer))
        .with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, received)
}

async fn collect(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    let export = ExportTraceServiceRequest::decode(body).unwrap();
    received.exports.lock().unwrap().push((headers, export));
    ExportTraceServiceResponse::default().encode_to_vec()
}

async fn answer(State(received): State<Received>, headers: HeaderMap) -> (HeaderMap, String) {
    received.calls.lock().unwrap().push(headers);
    let mut answer = HeaderMap::new();
    answer.insert("content-type", "text/event-stream".parse().unwrap());
    let parts = [
        json!({ "choices": [{ "delta": { "content": "Paris." } }] }),
        json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] }),
        json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 2 } }),
    ];
    let events: String = parts.iter().map(|part| format!("data: {part}\n\n")).collect();
    (answer, events + "data: [DONE]\n\n")
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const SEND: &str = "mutation { sendMessage(input: {message: \"What is the capital of France?\", model: \"gpt\"}) \
                    { chat { response status } errors { message } } }";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_trace_from_its_caller_to_the_upstream() {
    let (address, received) = listen().await;
    let installation = Installation::new(
        On::Sqlite,
        &[
            ("JETON_TELEMETRY__OTLP_ENDPOINT", &address),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
            ("JETON_LOG__FILTER", "warn"),
        ],
    )
    .await;
    let model = format!(
        "[models.gpt]\nprovider = \"openai\"\nbase_url = \"{address}/v1\"\nupstream_model = \"m\"\n\
         price = {{ per_message = 100 }}\nmax_output = 64\n"
    );
    std::fs::write(installation.data.path().join("jeton.toml"), model).unwrap();
    let server = installation.serve();
    let mia = server.register("mia").await;
    let request = client()
        .post(format!("{}/graphql", server.url))
        .bearer_auth(&mia)
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .json(&json!({ "query": SEND }));
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["sendMessage"]["chat"], json!({ "response": "Paris.", "status": "DONE" }), "{answer}");
    // The last spans are flushed on shutdown, without waiting for the next batch.
    assert!(server.terminate());

    let spans = received.spans();
    let of_trace = |name: &str| {
        let found: Vec<_> = spans[name].iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    };
    let [request, turn, hold, provider, settle] = ["request", "turn", "hold", "provider_call", "settle"].map(of_trace);
    assert_eq!(hex(&request.parent_span_id), CALLER);
    assert_eq!(turn.parent_span_id, request.span_id);
    for inner in [&hold, &provider, &settle] {
        assert_eq!(inner.parent_span_id, turn.span_id, "{}", inner.name);
        assert!(turn.start_time_unix_nano <= inner.start_time_unix_nano, "{}", inner.name);
        assert!(inner.end_time_unix_nano <= turn.end_time_unix_nano, "{}", inner.name);
    }
    assert!(hold.end_time_unix_nano <= provider.start_time_unix_nano);
    assert!(provider.end_time_unix_nano <= settle.start_time_unix_nano);
    let text = |span: &Span, key: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key == key);
        match found.and_then(|attribute| attribute.value.as_ref()?.value.clone()) {
            Some(Attribute::StringValue(text)) => text,
            Some(Attribute::IntValue(number)) => number.to_string(),
            other => panic!("{key}: {other:?}"),
        }
    };
    assert_eq!((text(&request, "method"), text(&request, "path")), ("POST".to_owned(), "/graphql".to_owned()));
    assert_eq!((text(&turn, "model"), text(&turn, "chat")), ("gpt".to_owned(), "1".to_owned()));
    // The call's span is propagated to the upstream.
    let header = received.calls.lock().unwrap()[0]["traceparent"].to_str().unwrap().to_owned();
    assert_eq!(header, format!("00-{TRACE}-{}-01", hex(&provider.span_id)));
    // Another request is another trace.
    assert!(spans["request"].iter().any(|span| hex(&span.trace_id) != TRACE && span.parent_span_id.is_empty()));

    let exports = received.exports.lock().unwrap();
    let (headers, export) = &exports[0];
    assert_eq!(headers["x-tenant"], "blue");
    let resource = export.resource_spans[0].resource.clone().unwrap();
    let about = |key: &str| resource.attributes.iter().any(|attribute| attribute.key == key);
    assert!(about("service.name") && about("service.version") && about("deployment.environment.name"), "{resource:?}");
    let everything = format!("{exports:?}");
    assert!(
        !everything.contains("capital of France") && !everything.contains("mia"),
        "spans tell what took time, not what was said"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_told_once_and_holds_nothing_up() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{unused}");
    let settings = [("JETON_TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = installation.serve_with_log(log.reopen().unwrap().into());
    let mia = server.register("mia").await;
    for _ in 0..5 {
        server.data(Some(&mia), "mutation { sendMessage(input: {message: \"Hi\"}) { chat { status } } }").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(server.terminate());
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("span export failed").count(), 1, "{log}");
}

#[test]
fn what_is_no_address_of_a_collector_is_refused() {
    let error = Config::from_toml("telemetry.otlp_endpoint = 'localhost:4318'").unwrap_err().to_string();
    assert!(error.starts_with("telemetry.otlp_endpoint: \"localhost:4318\" does not begin"), "{error}");
}
