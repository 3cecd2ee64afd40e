//! Reads responses of upstreams: their events, and the content of replies to messages in the local format.

use std::sync::Arc;

use async_stream::stream;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::IgnoredAny;

use super::Inner;
use super::answer::MessageContent;
use super::failure::{truncated, unavailable};
use super::large_answers::{LargeAnswer, LargeAnswers};
use super::open_response::Chunks;
use super::progress::Progress;
use super::sse::{Framing, Splitter};
use super::wtf8::Halves;
use crate::core::error::{Code, Error};
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Event, ReasoningBlock, Reply};

/// The maximum size of an event, and of a whole response: the memory for one response of an upstream.
pub(super) const MAX_KEPT_BYTES: usize = 32 << 20;

/// Returns the events of a response, each with the empty line that ends it. An incomplete event at the end is dropped;
/// a complete one without an empty line gets one. A long event waits for its permit.
pub(super) fn events(
    framing: Framing,
    large: LargeAnswers,
    mut bytes: Chunks,
) -> BoxStream<'static, Result<Bytes, Error>> {
    stream! {
        let (mut splitter, mut closed) = (Splitter::new(framing, large), false);
        while !closed {
            match bytes.next().await {
                Some(Ok(chunk)) => splitter.push(&chunk).await,
                Some(Err(error)) => {
                    yield Err(error);
                    return;
                }
                None => closed = true,
            }
            while let Some(event) = splitter.next() {
                yield Ok(event);
            }
            if splitter.pending() > MAX_KEPT_BYTES {
                let message = format!("An event of the answer has more than {MAX_KEPT_BYTES} bytes.");
                yield Err(Error::new(Code::PayloadTooLarge, message));
                return;
            }
        }
        if let Some(event) = splitter.last().and_then(|event| completed(framing, event)) {
            yield Ok(event);
        }
    }
    .boxed()
}

/// Completes the last event, whose empty line is missing; `None` if it is truncated.
fn completed(framing: Framing, event: Bytes) -> Option<Bytes> {
    let data = framing.data(&event)?;
    let is_whole = data.trim() == "[DONE]" || serde_json::from_str::<IgnoredAny>(&data).is_ok();
    match framing {
        _ if !is_whole => None,
        Framing::Events => Some([event.trim_ascii_end(), b"\n\n"].concat().into()),
        Framing::Lines => Some(event),
    }
}

/// Buffers a whole response; returns whether it fits.
///
/// # Errors
/// The error that truncated the response.
pub(super) async fn gather(
    shared: &Inner,
    bytes: &mut Chunks,
    body: &mut Vec<u8>,
    permit: &mut LargeAnswer,
) -> Result<bool, Error> {
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        shared.large.take(permit, body.len() + chunk.len()).await;
        body.extend_from_slice(&chunk);
        if body.len() > MAX_KEPT_BYTES {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the content of a response, event by event, or whole.
fn contents(
    shared: Arc<Inner>,
    is_stream: bool,
    mut bytes: Chunks,
) -> BoxStream<'static, Result<MessageContent, Error>> {
    let (mut reader, framing) = (shared.protocol.wire().reader(), shared.protocol.wire().framing());
    if is_stream {
        let read = move |event: Result<Bytes, Error>| {
            let event = event?;
            let data = framing.data(&event);
            Ok(data.map_or(MessageContent::Nothing, |data| reader.read(&data, framing.is_error(&event))))
        };
        return events(framing, shared.large.clone(), bytes).map(read).boxed();
    }
    stream! {
        let (mut body, mut permit) = (Vec::new(), LargeAnswer::default());
        match gather(&shared, &mut bytes, &mut body, &mut permit).await {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("The answer has more than {MAX_KEPT_BYTES} bytes.");
                yield Err(Error::new(Code::PayloadTooLarge, message));
                return;
            }
            Err(error) => {
                yield Err(error);
                return;
            }
        }
        match std::str::from_utf8(&body) {
            Ok(text) => yield Ok(reader.read(text, false)),
            Err(error) => {
                yield Err(unavailable(error));
                return;
            }
        }
        yield Ok(MessageContent::Done);
    }
    .boxed()
}

/// Reads the response to a request in the local format.
pub(super) fn reply(shared: Arc<Inner>, upstream: usize, is_stream: bool, bytes: Chunks) -> Reply {
    stream! {
        let mut contents = contents(shared.clone(), is_stream, bytes);
        let (mut usage, mut progress, mut is_done, mut has_text) = (None, Progress::default(), false, false);
        let mut finish = None;
        let (mut redactor, mut halves) = (shared.redactor(upstream), Halves::default());
        let mut of_reasoning = shared.redactor(upstream);
        while let Some(content) = contents.next().await {
            let mut answer = match content {
                Ok(MessageContent::Answer(answer)) => answer,
                Ok(MessageContent::Nothing | MessageContent::Unknown) => {
                    yield Ok(Event::KeepAlive);
                    continue;
                }
                Ok(MessageContent::Done) => {
                    is_done = true;
                    break;
                }
                Ok(MessageContent::Error(error)) => {
                    yield Err(shared.failed_midway(upstream, &error));
                    return;
                }
                // A response that is cut off after the last chunk, where only the usage is missing, is complete.
                Err(_) if progress.has_ended(1) => break,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            if let Some(reported) = answer.usage {
                usage = Some(reported);
                yield Ok(Event::Usage(reported));
            }
            progress.note(&answer);
            finish = answer.finish().or(finish);
            let piece = redactor.piece(&halves.push(&answer.text()));
            for block in answer.reasoning_blocks() {
                yield Ok(Event::ReasoningBlock(ReasoningBlock { origin: shared.origin(upstream), block }));
            }
            for beside in answer.beside() {
                match beside {
                    Event::Reasoning { text, hidden } => {
                        let text = of_reasoning.piece(&text);
                        yield Ok(Event::Reasoning { text, hidden });
                    }
                    beside => yield Ok(beside),
                }
            }
            if !piece.is_empty() {
                has_text = true;
                yield Ok(Event::Chunk(piece));
            }
            if answer.is_last {
                is_done = true;
                break;
            }
        }
        let text = of_reasoning.rest();
        if !text.is_empty() {
            yield Ok(Event::Reasoning { text, hidden: String::new() });
        }
        let rest = redactor.piece(halves.rest()) + &redactor.rest();
        if !rest.is_empty() {
            has_text = true;
            yield Ok(Event::Chunk(rest));
        }
        if !is_done && !progress.has_ended(1) {
            yield Err(truncated());
        } else if !has_text && progress.has_reasoning && finish != Some(FinishReason::Length) {
            yield Err(Error::new(Code::ProviderUnavailable, REASONING_ALONE));
        } else {
            if let Some(reason) = finish {
                yield Ok(Event::Finish(reason));
            }
            yield Ok(Event::Done(usage));
        }
    }
    .boxed()
}

const REASONING_ALONE: &str = "The language model used its output for reasoning, and gave no answer.";
