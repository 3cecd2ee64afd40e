//! Streaming responses: server-sent events, in our own format or as an upstream sent them.

use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};

use super::error::ApiError;
use super::outcome::{HOLD, at_limit, failure, set_headers, set_number, upstream_rejection};
use super::response;
use crate::domain::chat::{ApiCallHandle, FinishedChat};
use crate::infra::ai::Event;
use crate::infra::entity::{self, chat::Status};

/// Returns a streaming response. A failure before the first chunk is a normal error response.
pub(super) async fn streamed(called: ApiCallHandle, show_usage: bool) -> Result<Response, ApiError> {
    let ApiCallHandle { chat, balance, mut events, end } = called;
    let (first, end) = match events.next().await {
        Some(Event::Rejected { status, body }) => {
            end.await?;
            return Ok(upstream_rejection((status, body)));
        }
        Some(first) => (first, end),
        None => {
            let ended = end.await?;
            match failure(&ended) {
                // The reply is complete and empty, such as one that begins with a stop sequence.
                None if ended.chat.status == Status::Done => {
                    (Event::Chunk(String::new()), std::future::ready(Ok(ended)).boxed())
                }
                failure => return Err(failure.unwrap_or_else(ApiError::stopped)),
            }
        }
    };
    let row = chat.clone();
    let body = stream! {
        let is_own_format = matches!(first, Event::Chunk(_) | Event::Reasoning { .. });
        let mut chunks = std::pin::pin!(if is_own_format {
            in_parts(row.clone(), first, events, show_usage).boxed()
        } else {
            passed_through(first, events).boxed()
        });
        let mut last = None;
        while let Some(bytes) = chunks.next().await {
            if is_end(&bytes) {
                last = Some(bytes);
            } else {
                yield Ok::<_, std::convert::Infallible>(bytes);
            }
        }
        // The end of the stream is sent once the cost is stored: a server that crashes before must not leave a reply
        // that looks complete and is free.
        match end.await {
            Ok(ended) => {
                if let Some(failure) = failure(&ended).or_else(|| at_limit(&ended)) {
                    yield Ok(data(&failure.body()));
                } else if is_own_format {
                    let FinishedChat { chat, .. } = ended;
                    let reason = response::finish_reason(&chat);
                    yield Ok(data(&response::part(&chat, &json!({}), Some(reason), show_usage)));
                    if show_usage {
                        yield Ok(data(&response::usage_part(&chat)));
                    }
                    yield Ok(Bytes::from_static(b"data: [DONE]\n\n"));
                } else if let Some(last) = last {
                    yield Ok(last);
                } else if ended.chat.status == Status::Stopped {
                    // Most clients take the end of a stream for a complete reply.
                    yield Ok(data(&ApiError::stopped().body()));
                }
            }
            Err(error) => yield Ok(data(&ApiError::from(error).body())),
        }
    };
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    let mut response = (headers, Body::from_stream(body)).into_response();
    set_headers(response.headers_mut(), &chat, balance);
    set_number(response.headers_mut(), HOLD, chat.hold.0);
    // Proxies that buffer responses would delay the chunks.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Returns the events of a response that is passed through.
fn passed_through(first: Event, events: BoxStream<'static, Event>) -> impl Stream<Item = Bytes> + Send {
    let events = futures::stream::once(std::future::ready(first)).chain(events);
    events.filter_map(async |event| match event {
        Event::RawChunk { bytes, .. } => Some(bytes),
        _ => None,
    })
}

/// Returns whether an event of an upstream is the `[DONE]` that clients take for the end of a reply.
fn is_end(event: &[u8]) -> bool {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter_map(|line| line.strip_prefix(b"data:")).any(|data| data.trim_ascii() == b"[DONE]")
}

/// Returns the chunks of a reply in our own format.
fn in_parts(
    chat: entity::chat::Model,
    first: Event,
    mut events: BoxStream<'static, Event>,
    show_usage: bool,
) -> impl Stream<Item = Bytes> + Send {
    stream! {
        yield data(&response::part(&chat, &json!({ "role": "assistant", "content": "" }), None, show_usage));
        let mut next = Some(first);
        while let Some(event) = next {
            let delta = match event {
                Event::Chunk(piece) => Some(json!({ "content": piece })),
                // As DeepSeek and vLLM name it.
                Event::Reasoning { text, .. } => Some(json!({ "reasoning_content": text })),
                _ => None,
            };
            if let Some(delta) = delta {
                yield data(&response::part(&chat, &delta, None, show_usage));
            }
            next = events.next().await;
        }
    }
}

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}
