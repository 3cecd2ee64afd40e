//! The models of an Ollama that answers when the server starts.

use serde_json::{Value, json};

use super::double::{Double, Script};
use super::kinds::Kind;
use crate::support::On;
use crate::support::installation::Installation;

fn answer(body: &Value) -> Script {
    let chunks = vec![body.to_string().into_bytes()];
    Script { status: 200, kind: "application/json", chunks, then_hang: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_an_ollama_are_offered_without_any_configuration() {
    let chat = json!({ "model_info": { "general.architecture": "qwen3", "qwen3.context_length": 4096 },
        "capabilities": ["completion"] });
    let tags = json!({ "models": [{ "name": "qwen3:8b" }, { "name": "echo" }] });
    let double = Double::start(vec![answer(&tags), answer(&chat), answer(&chat), Kind::Ollama.whole("Moo")]).await;
    let settings = [("JETON_OLLAMA__DETECT", "true"), ("JETON_OLLAMA__PRICE", "7"), ("OLLAMA_HOST", &double.url)];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let server = installation.serve();
    let token = server.register("mia").await;
    let models = server.data(None, "{ models { name } }").await["models"].take();
    assert_eq!(models, json!([{ "name": "echo" }, { "name": "qwen3:8b" }]));
    let send = |model: &str| {
        format!(
            "mutation {{ sendMessage(input: {{ message: \"Hi\", model: \"{model}\" }}) {{ chat {{ response cost }} }} }}"
        )
    };
    let sent = server.data(Some(&token), &send("qwen3:8b")).await["sendMessage"]["chat"].take();
    assert_eq!(sent, json!({ "response": "Moo", "cost": 7 }));
    let sent = server.data(Some(&token), &send("echo")).await["sendMessage"]["chat"].take();
    assert_eq!(sent, json!({ "response": "AI Response to: Hi", "cost": 100 }), "a configured model has precedence");
    let requests = double.sent();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/base/api/tags", "/base/api/show", "/base/api/show", "/base/api/chat"]);
    let body: Value = serde_json::from_str(&requests[3].body).unwrap();
    assert_eq!((&body["model"], &body["options"]["num_ctx"]), (&json!("qwen3:8b"), &json!(4096)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ollama_that_is_not_there_or_does_not_answer_is_no_error() {
    let silent = Double::start(vec![Script { then_hang: true, ..answer(&json!({})) }]).await;
    for host in [silent.url.as_str(), "http://127.0.0.1:9", "no such host"] {
        let settings = [("JETON_OLLAMA__DETECT", "true"), ("OLLAMA_HOST", host)];
        let installation = Installation::new(On::Sqlite, &settings).await;
        let server = installation.serve();
        assert_eq!(server.status("/healthz").await, 200);
        let models = server.data(None, "{ models { name } }").await["models"].take();
        assert_eq!(models, json!([{ "name": "echo" }]));
    }
}
