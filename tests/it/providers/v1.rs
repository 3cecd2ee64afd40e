//! `/v1/chat/completions` for models of kinds with another protocol: calls are translated, or rejected by name.

use std::sync::Arc;

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::double::Double;
use super::kinds::Kind;
use crate::support::{On, TestApp, on_both_databases};

fn call(stream: bool, more: Value) -> Value {
    let mut call = json!({ "model": "by_unit", "stream": stream, "messages": [
        { "role": "system", "content": "Be brief." }, { "role": "user", "content": [{ "type": "text", "text": "Hi" }] }] });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

#[apply(on_both_databases)]
async fn a_call_is_translated_with_its_parameters(
    on: On,
    #[values(Kind::Responses, Kind::Anthropic, Kind::Gemini, Kind::Ollama)] kind: Kind,
) {
    let script = kind.stream(&[&kind.begin(), &kind.thought("Hm."), &kind.piece("Hello"), &kind.end(true)]);
    let double = Double::start(vec![script]).await;
    let app = TestApp::with_provider(on, "", Arc::new(kind.provider(&[&double], 0))).await;
    let mia = app.user("mia").await;
    let mut parameters = json!({ "temperature": 0.5, "top_p": 0.25, "seed": 7, "max_tokens": 99 });
    if kind != Kind::Responses {
        parameters["stop"] = json!(["END"]);
    }
    let whole = mia.post("/v1/chat/completions", call(false, parameters.clone())).await;
    let answer = whole.json();
    assert_eq!(whole.status, 200, "{answer}");
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!((&answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]), (&json!(7), &json!(3)));
    let streamed = mia.post("/v1/chat/completions", call(true, parameters)).await;
    assert!(streamed.text.contains("Hello") && streamed.text.ends_with("data: [DONE]\n\n"), "{}", streamed.text);
    for sent in double.sent() {
        assert_eq!(kind.limit(&sent.body), 99);
        let context = [("system", "Be brief."), ("user", "Hi")].map(|(role, text)| (role.to_owned(), text.to_owned()));
        assert_eq!(kind.context(&sent.body), context);
        let body: Value = serde_json::from_str(&sent.body).unwrap();
        let (place, top_p, stop) = match kind {
            Kind::Gemini => (&body["generationConfig"], "topP", "stopSequences"),
            Kind::Ollama => (&body["options"], "top_p", "stop"),
            _ => (&body, "top_p", "stop_sequences"),
        };
        assert_eq!((&place["temperature"], &place[top_p]), (&json!(0.5), &json!(0.25)), "{body}");
        let has_seed = matches!(kind, Kind::Gemini | Kind::Ollama);
        assert_eq!(place["seed"], if has_seed { json!(7) } else { Value::Null });
        assert_eq!(place[stop], if kind == Kind::Responses { Value::Null } else { json!(["END"]) });
    }
    assert_eq!(app.balance(&mia).await, (4000 - 20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_protocol_lacks_is_rejected_by_name() {
    for (kind, more, param) in [
        (Kind::Responses, json!({ "stop": "END" }), "stop"),
        (Kind::Anthropic, json!({ "logprobs": true }), "logprobs"),
        (Kind::Gemini, json!({ "tools": [{ "type": "function" }] }), "tools"),
    ] {
        let double = Double::start(vec![kind.whole("Hello")]).await;
        let app = TestApp::with_provider(On::Sqlite, "", Arc::new(kind.provider(&[&double], 0))).await;
        let mia = app.user("mia").await;
        let rejected = mia.post("/v1/chat/completions", call(false, more)).await;
        assert_eq!(rejected.status, 400, "{}", rejected.text);
        assert_eq!(rejected.json()["error"]["param"], param);
        assert!(double.sent().is_empty());
    }
}
