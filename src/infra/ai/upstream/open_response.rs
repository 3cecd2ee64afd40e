//! A response that has begun: its kind, and its bytes.

use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::failure::unavailable;
use super::history::Call;
use super::timeouts::stalled;
use crate::core::error::Error;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of a response.
pub(super) type Chunks = BoxStream<'static, Result<Bytes, Error>>;

/// A response that has begun.
pub(super) struct OpenResponse {
    /// The index of its upstream.
    pub(super) upstream: usize,
    /// The first bytes; `None` if the body is empty.
    pub(super) first: Option<Bytes>,
    pub(super) response: Response,
    /// The timeout between two parts.
    pub(super) idle: Duration,
    /// The call, which ends with the response.
    pub(super) call: Call,
}

impl OpenResponse {
    /// Returns whether it is a stream of events, by its first byte, or else by its content type.
    pub(super) fn is_stream(&self) -> bool {
        let first = self.first.as_deref().unwrap_or_default();
        let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first).trim_ascii_start();
        match first.first() {
            Some(byte) => *byte != b'{',
            None => {
                let kind = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                !kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("application/json"))
            }
        }
    }

    /// Returns all bytes, and the call. The reader bounds how much of them it keeps.
    pub(super) fn bytes(self) -> (Chunks, Call) {
        let mut is_first = true;
        let rest = rest(self.response, self.idle);
        let all = futures::stream::iter(self.first.map(Ok)).chain(rest);
        let unmarked = all.map(move |chunk: Result<Bytes, Error>| {
            let chunk = chunk?;
            // A byte order mark may begin a stream; the event parser does not expect it.
            Ok(match chunk.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) if std::mem::take(&mut is_first) => chunk.slice_ref(rest),
                _ => {
                    is_first = false;
                    chunk
                }
            })
        });
        (unmarked.boxed(), self.call)
    }
}

/// Returns the parts of a response after its first one. Only the time in which the reader waits for the upstream counts.
fn rest(response: Response, idle: Duration) -> impl Stream<Item = Result<Bytes, Error>> {
    stream! {
        let mut chunks = response.bytes_stream();
        loop {
            match timeout(idle, chunks.next()).await {
                Ok(Some(chunk)) => yield chunk.map_err(|error| unavailable(error.without_url())),
                Ok(None) => return,
                Err(_) => {
                    yield Err(stalled(idle));
                    return;
                }
            }
        }
    }
}
