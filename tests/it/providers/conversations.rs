//! A conversation of three turns with a system prompt, at each kind.

use jeton::infra::ai::upstream::{Anthropic, Gemini, Protocol, Responses};
use jeton::infra::entity::{chat, reasoning_block};
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::double::{Double, Script};
use super::kinds::Kind;
use crate::support::{Client, On, TestApp, on_both_databases, openai_with};

async fn conversation(client: &Client) -> Value {
    let query =
        "mutation($input: CreateConversationInput!) { createConversation(input: $input) { conversation { id } } }";
    let input = json!({ "input": { "systemPrompt": "Be brief.", "model": "by_unit" } });
    client.data(query, input).await["createConversation"]["conversation"]["id"].take()
}

#[apply(on_both_databases)]
async fn three_turns_build_on_each_other_byte_for_byte(
    on: On,
    #[values(Kind::Openai, Kind::Responses, Kind::Anthropic, Kind::Gemini, Kind::Ollama)] kind: Kind,
) {
    let with_thought =
        kind.stream(&[&kind.begin(), &kind.thought("Hm."), &kind.piece("Two"), &kind.piece(" €"), &kind.end(false)]);
    let at_limit = kind.stream(&[&kind.begin(), &kind.piece("Three"), &kind.end(true)]);
    let double = Double::start(vec![kind.whole("One"), with_thought, at_limit]).await;
    let app = TestApp::with_provider(on, "", std::sync::Arc::new(kind.provider(&[&double], 0))).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    for (message, reply) in [("First \"word\"", "One"), ("Second", "Two €"), ("Third", "Three")] {
        let sent = mia.say_with(json!({ "conversationId": id, "message": message })).await;
        assert_eq!((&sent["chat"]["status"], &sent["chat"]["response"]), (&json!("DONE"), &json!(reply)), "{sent}");
        assert_eq!(sent["chat"]["usage"], json!({ "input": 7, "output": 3, "estimated": false }));
        assert_eq!(sent["chat"]["cost"], 10, "one prepaid token for each model token");
    }
    let stored = chat::Entity::find().all(app.app.db.read()).await.unwrap();
    let reasoning: Vec<_> = stored.iter().map(|chat| chat.reasoning.as_deref()).collect();
    assert_eq!(reasoning, [None, Some("Hm."), None]);
    let finish: Vec<_> = stored.iter().map(|chat| format!("{:?}", chat.finish_reason.unwrap())).collect();
    assert_eq!(finish, ["Stop", "Stop", "Length"]);

    let sent = double.sent();
    let (name, key) = kind.credential();
    for request in &sent {
        assert_eq!((request.path.as_str(), &request.headers[name]), (kind.path(), &key.parse().unwrap()));
        assert_eq!(request.headers.get("anthropic-version").is_some(), kind == Kind::Anthropic);
        assert_eq!(kind.limit(&request.body), 1024);
        assert_eq!(request.headers.get("content-length").unwrap().to_str().unwrap(), request.body.len().to_string());
    }
    let said = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    let whole = [
        said("system", "Be brief."),
        said("user", "First \"word\""),
        said("assistant", "One"),
        said("user", "Second"),
        said("assistant", "Two €"),
        said("user", "Third"),
    ];
    for (request, count) in sent.iter().zip([2, 4, 6]) {
        assert_eq!(kind.context(&request.body), whole[..count]);
    }
    for pair in sent.windows(2) {
        let (before, after) = (kind.prefix(&pair[0].body), kind.prefix(&pair[1].body));
        assert!(after.starts_with(&before) && after.len() > before.len(), "{before}\n{after}");
    }
}

const START: &str = "mutation($input: StartMessageInput!) { startMessage(input: $input) { chat { id } } }";
const STOP: &str = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status response cost } } }";

#[apply(on_both_databases)]
async fn a_stopped_reply_keeps_its_text_and_pays_for_it(
    on: On,
    #[values(Kind::Openai, Kind::Responses, Kind::Anthropic, Kind::Gemini, Kind::Ollama)] kind: Kind,
) {
    let script = Script { then_hang: true, ..kind.stream(&[&kind.begin(), &kind.thought("Hm."), &kind.piece("Half")]) };
    let double = Double::start(vec![script]).await;
    let limits = "turns.save_interval = '5ms'\nv1.usage_wait_timeout = '100ms'";
    let app = TestApp::with_provider(on, limits, std::sync::Arc::new(kind.provider(&[&double], 0))).await;
    let mia = app.user("mia").await;
    for (model, is_flat) in [("upstream", true), ("by_unit", false)] {
        let started = mia.data(START, json!({ "input": { "message": "Hi", "model": model } })).await;
        let id = started["startMessage"]["chat"]["id"].clone();
        let has_text = || async {
            let rows = chat::Entity::find().all(app.app.db.read()).await.unwrap();
            rows.iter().any(|row| row.model == model && row.response == "Half")
        };
        while !has_text().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let stopped = mia.data(STOP, json!({ "id": id })).await["stopMessage"]["chat"].take();
        assert_eq!((&stopped["status"], &stopped["response"]), (&json!("STOPPED"), &json!("Half")));
        let cost = stopped["cost"].as_i64().unwrap();
        // Where the input is known from the beginning, no bound of it is charged.
        match kind {
            _ if is_flat => assert_eq!(cost, 100),
            Kind::Anthropic => assert!((8..20).contains(&cost), "{cost}"),
            _ => assert!((30..100).contains(&cost), "{cost}"),
        }
    }
}

/// Returns a protocol whose models think, the events with reasoning that it wants back, and how it is sent back.
fn thinking(kind: Kind) -> (Protocol, String, &'static str) {
    let effort = Some("low".to_owned());
    match kind {
        Kind::Responses => (
            Protocol::Responses(Responses { reasoning_effort: effort }),
            kind.event(&json!({ "type": "response.output_item.done", "item": { "type": "reasoning", "id": "rs_1",
                "encrypted_content": "c2+/ln==", "summary": [{ "type": "summary_text", "text": "Hm." }] } })),
            r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"c2+/ln=="}"#,
        ),
        Kind::Anthropic => (
            Protocol::Anthropic(Anthropic { reasoning_effort: effort, thinking_budget: None }),
            [
                json!({ "type": "content_block_start", "index": 0,
                    "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
                json!({ "type": "content_block_delta", "index": 0,
                    "delta": { "type": "thinking_delta", "thinking": "Hm." } }),
                json!({ "type": "content_block_delta", "index": 0,
                    "delta": { "type": "signature_delta", "signature": "c2+/ln==" } }),
                json!({ "type": "content_block_stop", "index": 0 }),
            ]
            .iter()
            .map(|event| kind.event(event))
            .collect(),
            r#"{"type":"thinking","thinking":"Hm.","signature":"c2+/ln=="}"#,
        ),
        Kind::Gemini => (
            Protocol::Gemini(Gemini::default()),
            kind.event(&json!({ "candidates": [{ "content": { "parts": [
                { "text": "Hm.", "thought": true }, { "text": "", "thoughtSignature": "c2+/ln==" }] } }] })),
            r#"{"text":"","thoughtSignature":"c2+/ln=="}"#,
        ),
        Kind::Openai | Kind::Ollama => unreachable!("they want no reasoning back"),
    }
}

#[apply(on_both_databases)]
async fn reasoning_that_is_wanted_back_goes_back_byte_for_byte(
    on: On,
    #[values(Kind::Responses, Kind::Anthropic, Kind::Gemini)] kind: Kind,
) {
    let (protocol, thoughts, block) = thinking(kind);
    let first = kind.stream(&[&kind.begin(), &thoughts, &kind.piece("One"), &kind.end(false)]);
    let rejection = Script { status: 400, kind: "application/json", chunks: vec![b"{}".to_vec()], then_hang: false };
    let double =
        Double::start(vec![first, kind.whole("Two"), kind.whole("Three"), rejection, kind.whole("Four")]).await;
    let provider = openai_with(&[&double.url], 0, |settings| settings.protocol = protocol);
    let app = TestApp::with_provider(on, "", std::sync::Arc::new(provider)).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    for (message, reply) in [("First", "One"), ("Second", "Two"), ("Third", "Three"), ("Fourth", "Four")] {
        let sent = mia.say_with(json!({ "conversationId": id, "message": message })).await;
        assert_eq!((&sent["chat"]["status"], &sent["chat"]["response"]), (&json!("DONE"), &json!(reply)), "{sent}");
    }
    // The fourth is rejected with the block, and answered without it.
    let counts: Vec<_> = double.sent().iter().map(|request| request.body.matches(block).count()).collect();
    assert_eq!(counts, [0, 1, 1, 1, 0], "{block}\n{}", double.sent()[1].body);
    for request in &double.sent()[1..4] {
        let (asked, thought) = (request.body.find("First").unwrap(), request.body.find(block).unwrap());
        assert!(asked < thought && thought < request.body.find("Second").unwrap(), "{}", request.body);
    }
    // It is deleted with its chat.
    let blocks = async || reasoning_block::Entity::find().all(app.app.db.read()).await.unwrap();
    assert_eq!(blocks().await.len(), 1);
    let delete = "mutation($id: ID!) { deleteConversation(input: {conversationId: $id}) { errors { message } } }";
    mia.data(delete, json!({ "id": id })).await;
    assert_eq!(blocks().await.len(), 0);
}

#[apply(on_both_databases)]
async fn a_message_without_a_conversation_keeps_no_reasoning(on: On) {
    let kind = Kind::Gemini;
    let (protocol, thoughts, _) = thinking(kind);
    let double = Double::start(vec![kind.stream(&[&thoughts, &kind.piece("One"), &kind.end(false)])]).await;
    let provider = openai_with(&[&double.url], 0, |settings| settings.protocol = protocol);
    let app = TestApp::with_provider(on, "", std::sync::Arc::new(provider)).await;
    let mia = app.user("mia").await;
    let sent = mia.say_with(json!({ "message": "Hi", "model": "upstream" })).await;
    assert_eq!(sent["chat"]["status"], "DONE", "{sent}");
    assert!(reasoning_block::Entity::find().all(app.app.db.read()).await.unwrap().is_empty());
}
