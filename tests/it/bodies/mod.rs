//! Request bodies and the replay cache: their memory is bounded under any load, and other clients are still served.

mod budgets;
mod hostile;
mod replay;

use axum::http::Request;

use crate::support::Client;

fn posting(client: &Client) -> axum::http::request::Builder {
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    request.header("authorization", format!("Bearer {}", client.access.as_deref().unwrap()))
}
