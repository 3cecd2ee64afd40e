//! Reads the answers of upstreams: their events, and what they say of a message that was asked in our own format.

use std::sync::Arc;

use async_stream::stream;
use axum::body::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::events::{Splitter, data};
use super::gather::LargeAnswers;
use super::pass::{Answer, written};
use super::{Chunks, Shared, broke_off, unavailable};
use crate::ai::{Event, Reply};
use crate::error::{Code, Error};

/// The longest event of a stream, and the longest answer in one piece: what of an upstream is kept in memory at once.
pub(super) const MAX_KEPT_BYTES: usize = 32 << 20;

/// The events of an answer, and the last one also where its empty line is missing. A long one waits for its permit.
pub(super) fn events(large: LargeAnswers, mut bytes: Chunks) -> BoxStream<'static, Result<Bytes, Error>> {
    stream! {
        let (mut splitter, mut closed) = (Splitter::new(large), false);
        while !closed {
            match bytes.next().await {
                Some(Ok(chunk)) => splitter.push(&chunk).await,
                Some(Err(error)) => {
                    yield Err(error);
                    return;
                }
                None => closed = true,
            }
            while let Some(event) = splitter.next().or_else(|| if closed { splitter.last() } else { None }) {
                yield Ok(event);
            }
            if splitter.pending() > MAX_KEPT_BYTES {
                let message = format!("An event of the answer has more than {MAX_KEPT_BYTES} bytes.");
                yield Err(Error::new(Code::PayloadTooLarge, message));
                return;
            }
        }
    }
    .boxed()
}

/// Reads an answer that we asked for in our own words.
pub(super) fn reply(shared: Arc<Shared>, upstream: usize, bytes: Chunks) -> Reply {
    stream! {
        let mut events = events(shared.large.clone(), bytes);
        let (mut usage, mut finished) = (None, false);
        while let Some(event) = events.next().await {
            let chunk = match event.map(|event| data(&event)) {
                Ok(None) => continue,
                Ok(Some(data)) if data.trim().is_empty() => continue,
                Ok(Some(data)) if data.trim() == "[DONE]" => {
                    finished = true;
                    break;
                }
                Ok(Some(data)) => read_chunk(&shared, upstream, &data),
                // What breaks off after the last piece, where only the usage was to come, does no harm.
                Err(_) if finished => break,
                Err(error) => Err(error),
            };
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            if let Some(reported) = chunk.usage() {
                usage = Some(reported);
                yield Ok(Event::Usage(reported));
            }
            finished |= chunk.is_finished();
            // What is not text is not shown in a conversation, and was asked for by no one.
            let (piece, _) = written(chunk.choices().get(..1).unwrap_or_default());
            if !piece.is_empty() {
                yield Ok(Event::Piece(piece));
            }
        }
        if finished {
            yield Ok(Event::End(usage));
        } else {
            yield Err(broke_off());
        }
    }
    .boxed()
}

fn read_chunk(shared: &Shared, upstream: usize, data: &str) -> Result<Answer, Error> {
    let chunk: Answer = serde_json::from_str(data).map_err(unavailable)?;
    match &chunk.error {
        Some(error) => Err(shared.failed_midway(upstream, error.get())),
        None => Ok(chunk),
    }
}
