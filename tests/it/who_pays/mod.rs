//! Attempts at free replies, each of which fails: stopping before the usage arrives, limits that the client exceeds on
//! purpose, several choices for the price of one, other names of the output limit, idempotency keys of other callers.

mod idempotency;
mod limits;
mod output;
mod parameters;
mod stops;

use std::time::Duration;

use serde_json::{Value, json};

use crate::openai_api::chats;
use crate::support::Client;

const START: &str =
    "mutation($input: StartMessageInput!) { startMessage(input: $input) { chat { id } errors { code } } }";
const STOP_MESSAGE: &str =
    "mutation($id: ID!) { it: stopMessage(input: {chatId: $id}) { chat { status } errors { code } } }";
const DELETE: &str = "mutation($id: ID!) { it: deleteChat(input: {chatId: $id}) { errors { code } } }";

fn usage(input: u64, output: u64) -> String {
    format!("data: {}\n\n", json!({ "choices": [], "usage": { "prompt_tokens": input, "completion_tokens": output } }))
}

/// Sends a message in the background. Returns its id once the first chunk of the reply was received.
async fn start(client: &Client, model: &str, begins_with: &str) -> Value {
    let started = client.data(START, json!({ "input": { "message": "Hello", "model": model } })).await;
    let id = started["startMessage"]["chat"]["id"].clone();
    until(|| async { chats(client).await[0]["response"].as_str().unwrap().starts_with(begins_with) }).await;
    id
}

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.expect("the condition comes true");
}
