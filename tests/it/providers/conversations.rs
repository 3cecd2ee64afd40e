//! A conversation of three turns with a system prompt, at each kind.

use jeton::infra::entity::chat;
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::double::{Double, Script};
use super::kinds::Kind;
use crate::support::{Client, On, TestApp, on_both_databases};

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
