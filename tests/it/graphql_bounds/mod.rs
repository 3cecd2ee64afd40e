//! Bounds of the execution of a GraphQL operation: cost in rows, time, and size of the response, on each transport.

mod cost;
mod execution;
mod size;
mod time;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Client, TestApp};

/// Sends an operation, and requests its cost.
async fn ask(client: &Client, query: &str) -> Answer {
    let request = Request::post("/graphql").header("content-type", "application/json").header("x-jeton-show-cost", "1");
    client.send(request.body(Body::from(json!({ "query": query }).to_string())).unwrap()).await
}

/// Chats in conversations, for slow queries.
async fn with_history(app: &TestApp) -> (Client, Value) {
    let mia = app.user("mia").await;
    let made = mia.data("mutation { createConversation(input: {}) { conversation { id } } }", json!({})).await;
    let conversation = made["createConversation"]["conversation"]["id"].clone();
    for number in 0..50 {
        mia.say_with(json!({ "message": format!("m{number}"), "conversationId": conversation, "model": "echo" })).await;
    }
    (mia, conversation)
}

fn code(response: &Value) -> &str {
    response["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{response}"))
}
