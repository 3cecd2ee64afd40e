//! What the pages of the chat need from the API.

mod accounts;
mod changes;
mod conversations;
mod estimates;
mod server;
mod shortages;
mod versions;

use jeton::infra::ai::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
    chat { id model status response } errors { code } } }";
const REGENERATE: &str =
    "mutation($input: RegenerateInput!) { regenerate(input: $input) { chat { id model } errors { code field } } }";
const EDIT: &str =
    "mutation($input: EditMessageInput!) { editMessage(input: $input) { chat { id model } errors { code field } } }";

/// Creates a conversation with the scripted model. Returns its id.
async fn conversation(client: &Client) -> Value {
    let query = "mutation { it: createConversation(input: {model: \"scripted\"}) { conversation { id } } }";
    client.data(query, json!({})).await["it"]["conversation"]["id"].take()
}

/// Sends a message to a conversation. Returns the chat.
async fn send(client: &Client, conversation: &Value, message: &str) -> Value {
    let input = json!({ "conversationId": conversation, "message": message });
    let mut sent = client.data(SEND, json!({ "input": input })).await["sendMessage"].take();
    assert_eq!(sent["errors"], json!([]));
    sent["chat"].take()
}

/// Returns the messages of the last request to the model, as `role: content`.
fn shown(app: &TestApp) -> Vec<String> {
    let request = app.model.heard().pop().unwrap();
    let name = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    request.messages.iter().map(|message| format!("{}: {}", name(message.role), message.content)).collect()
}
