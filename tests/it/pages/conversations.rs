//! Changes of a conversation, and of the model of a message.

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{EDIT, REGENERATE, conversation, send, shown};
use crate::support::{Client, On, TestApp, on_both_databases};

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
