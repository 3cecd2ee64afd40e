//! Changes of a conversation, and of the model of a message.

use jeton::core::finish_reason::FinishReason;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{EDIT, REGENERATE, SEND, conversation, send, shown};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const UPDATE: &str = "mutation($input: UpdateConversationInput!) { updateConversation(input: $input) {
    conversation { title systemPrompt model } errors { code field } } }";

async fn update(client: &Client, conversation: &Value, mut input: Value) -> Value {
    input["conversationId"] = conversation.clone();
    client.data(UPDATE, json!({ "input": input })).await["updateConversation"].take()
}

#[apply(on_both_databases)]
async fn instructions_and_model_change_at_any_time_for_the_next_message(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = conversation(&mia).await;
    send(&mia, &id, "A").await;
    let changed = update(&mia, &id, json!({ "systemPrompt": "Be brief." })).await;
    let expected = json!({ "title": "A", "systemPrompt": "Be brief.", "model": "scripted" });
    assert_eq!(changed, json!({ "conversation": expected, "errors": [] }));
    send(&mia, &id, "B").await;
    assert_eq!(shown(&app), ["system: Be brief.", "user: A", "assistant: ok", "user: B"]);
    // Null and a blank text remove it; what is omitted stays.
    for nothing in [json!(null), json!(" \n")] {
        update(&mia, &id, json!({ "systemPrompt": "Be loud." })).await;
        let changed = update(&mia, &id, json!({ "systemPrompt": nothing, "title": " New\n name " })).await;
        assert_eq!(changed["conversation"], json!({ "title": "New name", "systemPrompt": null, "model": "scripted" }));
    }
    let changed = update(&mia, &id, json!({ "model": "narrow" })).await;
    assert_eq!(changed["conversation"]["model"], "narrow");
    let sent = send(&mia, &id, "C").await;
    assert_eq!(sent["model"], "narrow");
    assert_eq!(update(&mia, &id, json!({ "model": null })).await["conversation"]["model"], Value::Null);
    assert_eq!(update(&mia, &id, json!({})).await["conversation"]["title"], "New name", "nothing to change");
    let long = json!({ "title": " ", "systemPrompt": "x".repeat(4001), "model": "none" });
    let fields: Vec<_> =
        ["title", "systemPrompt", "model"].map(|f| json!({ "code": "INVALID_INPUT", "field": f })).into();
    assert_eq!(update(&mia, &id, long).await, json!({ "conversation": null, "errors": fields }));
    for input in [json!({ "title": "Mine" }), json!({})] {
        let refused = update(&tom, &id, input).await;
        assert_eq!(refused["errors"], json!([{ "code": "NOT_FOUND", "field": null }]));
    }
}

#[apply(on_both_databases)]
async fn a_message_is_answered_again_by_another_model_at_its_price(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    let first = send(&mia, &id, "A").await;
    assert_eq!(app.balance(&mia).await, (3900, 0));
    // The metered model's usage of one model token each costs one prepaid token.
    let again = mia.data(REGENERATE, json!({ "input": { "chatId": first["id"], "model": "metered" } })).await;
    assert_eq!(
        (&again["regenerate"]["errors"], &again["regenerate"]["chat"]["model"]),
        (&json!([]), &json!("metered"))
    );
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3899, 0));
    let chat = &again["regenerate"]["chat"]["id"];
    let wrong = mia.data(EDIT, json!({ "input": { "chatId": chat, "message": "B", "model": "none" } })).await;
    assert_eq!(wrong["editMessage"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "model" }]));
    let edited = mia.data(EDIT, json!({ "input": { "chatId": chat, "message": "B", "model": "narrow" } })).await;
    assert_eq!(edited["editMessage"]["chat"]["model"], "narrow");
    app.settled().await;
    // Without a name the model of the replaced chat answers.
    let chat = &edited["editMessage"]["chat"]["id"];
    let again = mia.data(REGENERATE, json!({ "input": { "chatId": chat } })).await;
    assert_eq!(again["regenerate"]["chat"]["model"], "narrow");
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3699, 0));
}

/// Returns the titles of a list of conversations.
async fn titles(client: &Client, arguments: &str) -> Vec<String> {
    let query = format!("{{ conversations{arguments} {{ nodes {{ title }} }} }}");
    let found = client.data(&query, json!({})).await;
    let nodes = found["conversations"]["nodes"].as_array().unwrap().clone();
    nodes.into_iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

#[apply(on_both_databases)]
async fn conversations_are_pinned_and_archived_until_the_next_message(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let mut ids = Vec::new();
    for title in ["A", "B", "C"] {
        app.clock.advance(std::time::Duration::from_secs(1));
        let id = conversation(&mia).await;
        send(&mia, &id, title).await;
        ids.push(id);
    }
    update(&mia, &ids[0], json!({ "pinned": true })).await;
    update(&mia, &ids[1], json!({ "pinned": true, "archived": true })).await;
    assert_eq!(titles(&mia, "").await, ["C", "A"], "all but archived ones");
    assert_eq!(titles(&mia, "(pinned: true)").await, ["A"]);
    assert_eq!(titles(&mia, "(pinned: false)").await, ["C"]);
    assert_eq!(titles(&mia, "(archived: true)").await, ["B"]);
    assert_eq!(titles(&mia, "(archived: true, pinned: false)").await, Vec::<String>::new());
    assert_eq!(titles(&tom, "(archived: true)").await, Vec::<String>::new(), "of another user");
    let query = "query($id: ID!) { conversation(id: $id) { title pinned archived } }";
    let found = mia.data(query, json!({ "id": ids[1] })).await;
    assert_eq!(found["conversation"], json!({ "title": "B", "pinned": true, "archived": true }), "still to be read");
    // Other changes leave it where it is; the next message takes it out of the archive, still pinned.
    update(&mia, &ids[1], json!({ "title": "B2" })).await;
    assert_eq!(titles(&mia, "(archived: true)").await, ["B2"]);
    app.clock.advance(std::time::Duration::from_secs(1));
    send(&mia, &ids[1], "again").await;
    assert_eq!(titles(&mia, "(pinned: true)").await, ["B2", "A"]);
    update(&mia, &ids[1], json!({ "pinned": false })).await;
    update(&mia, &ids[2], json!({ "archived": true })).await;
    update(&mia, &ids[2], json!({ "archived": false })).await;
    assert_eq!(titles(&mia, "(pinned: false)").await, ["B2", "C"]);
    for change in [json!({ "pinned": true }), json!({ "archived": true })] {
        assert_eq!(update(&tom, &ids[0], change).await["errors"][0]["code"], "NOT_FOUND");
    }
}

#[apply(on_both_databases)]
async fn a_reply_at_its_limit_is_in_the_context_and_a_failed_one_has_no_finish_reason(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    app.model.play([Step::Say("Half a"), Step::Finish(FinishReason::Length), Step::End(None)]);
    send(&mia, &id, "A").await;
    app.model.play([Step::Say("Half"), Step::Finish(FinishReason::Stop), Step::BreakOff]);
    let failing = json!({ "conversationId": id, "message": "B" });
    let failed = mia.data(SEND, json!({ "input": failing })).await["sendMessage"].take();
    assert_eq!(failed["errors"], json!([{ "code": "PROVIDER_UNAVAILABLE" }]));
    send(&mia, &id, "C").await;
    assert_eq!(shown(&app), ["user: A", "assistant: Half a", "user: C"]);
    let query = "query($id: ID!) { conversation(id: $id) { chats { nodes { status finishReason } } } }";
    let nodes = mia.data(query, json!({ "id": id })).await["conversation"]["chats"]["nodes"].take();
    let chat = |status: &str, reason: Value| json!({ "status": status, "finishReason": reason });
    assert_eq!(nodes, json!([chat("DONE", Value::Null), chat("FAILED", Value::Null), chat("DONE", "LENGTH".into())]));
}
