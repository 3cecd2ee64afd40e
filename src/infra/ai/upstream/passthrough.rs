//! Passthrough of responses: unchanged, but for the usage that the client did not request, and the upstream's API key.

use std::sync::Arc;

use async_stream::stream;
use bytes::Bytes;
use futures::StreamExt;

use super::Inner;
use super::answer::MessageContent;
use super::convert::{self, Joined};
use super::failure::{no_answer, truncated};
use super::large_answers::LargeAnswer;
use super::open_response::Chunks;
use super::progress::Progress;
use super::read::{MAX_KEPT_BYTES, events, gather};
use super::sse::{Framing, data, is_comment, is_error};
use super::wtf8::Halves;
use crate::core::error::{Code, Error};
use crate::infra::ai::{Event, Passthrough, Reply};

/// Returns the number of choices that a call requests.
fn choices(passing: &Passthrough) -> u64 {
    let requested = passing.call.get("n").and_then(|json| json.parse::<f64>().ok());
    requested.map_or(1, |requested| requested.max(1.0) as u64)
}

/// Passes on a streamed response. Empty events are buffered until there is output: a response without any is an error,
/// which is reported by its status code if nothing was passed on yet.
pub(super) fn parts(shared: Arc<Inner>, upstream: usize, bytes: Chunks, passing: &Passthrough) -> Reply {
    let (choices, show_usage) = (choices(passing), passing.show_usage);
    stream! {
        let mut events = events(Framing::Events, shared.large.clone(), bytes);
        let (mut usage, mut finish, mut progress, mut done) = (None, None, Progress::default(), None);
        let (mut redactor, mut halves, mut held) = (shared.redactor(upstream), Halves::default(), Held::default());
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(_) if progress.has_ended(choices) => break,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            let content = match data(&event) {
                Some(data) => MessageContent::read(&data, is_error(&event)),
                None if is_comment(&event) => {
                    yield Ok(Event::RawChunk { bytes: redactor.bytes(event), text: String::new() });
                    continue;
                }
                None => MessageContent::Unknown,
            };
            let (text, beside) = match content {
                // Clients fail at data that are not an object.
                MessageContent::Nothing => {
                    yield Ok(Event::RawChunk { bytes: Bytes::from_static(b":\n\n"), text: String::new() });
                    continue;
                }
                MessageContent::Done => {
                    done = Some(event);
                    break;
                }
                MessageContent::Error(error) => {
                    yield Err(shared.failed_midway(upstream, &error));
                    return;
                }
                // Unreadable data are passed on, and counted as they are.
                MessageContent::Unknown => {
                    let other = String::from_utf8_lossy(&event).into_owned();
                    (String::new(), vec![Event::Other(other)])
                }
                MessageContent::Answer(mut answer) => {
                    if let Some(reported) = answer.usage {
                        usage = Some(reported);
                        yield Ok(Event::Usage(reported));
                    }
                    progress.note(&answer);
                    finish = answer.finish().or(finish);
                    if answer.is_usage && !show_usage {
                        continue;
                    }
                    (halves.push(&answer.text()), answer.beside().collect())
                }
            };
            if !progress.says_something() {
                held.push(event, beside);
                continue;
            }
            for event in held.take().chain(beside) {
                yield Ok(event);
            }
            for (bytes, text) in redactor.event(event, &text) {
                yield Ok(Event::RawChunk { bytes, text });
            }
        }
        for (bytes, text) in redactor.events() {
            yield Ok(Event::RawChunk { bytes, text });
        }
        // Half a character at the end of the text.
        let rest = halves.rest();
        if done.is_none() && !rest.is_empty() {
            yield Ok(Event::RawChunk { bytes: Bytes::new(), text: rest.to_owned() });
        }
        if done.is_none() && !progress.has_ended(choices) {
            yield Err(truncated());
            return;
        }
        if !progress.says_something() {
            yield Err(no_answer());
            return;
        }
        if let Some(bytes) = done {
            yield Ok(Event::RawChunk { bytes: redactor.bytes(bytes), text: rest.to_owned() });
        }
        if let Some(reason) = finish {
            yield Ok(Event::Finish(reason));
        }
        yield Ok(Event::Done(usage));
    }
    .boxed()
}

/// Buffered events of a stream without output so far.
#[derive(Default)]
struct Held {
    events: Vec<Event>,
    bytes: usize,
}

impl Held {
    fn push(&mut self, bytes: Bytes, beside: Vec<Event>) {
        self.bytes += bytes.len();
        self.events.extend(beside);
        self.events.push(Event::RawChunk { bytes, text: String::new() });
        if self.bytes > MAX_HELD {
            *self = Self::default();
        }
    }

    fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        std::mem::take(self).events.into_iter()
    }
}

/// The maximum size of these events, in bytes; beyond it they are dropped, since clients don't need them.
const MAX_HELD: usize = 64 << 10;

/// Passes on a whole response, converted to the kind that the client requested.
pub(super) fn whole(shared: Arc<Inner>, upstream: usize, mut bytes: Chunks, passing: &Passthrough) -> Reply {
    let (as_stream, choices) = (passing.stream, choices(passing));
    stream! {
        let (mut body, mut permit) = (Vec::new(), LargeAnswer::default());
        match gather(&shared, &mut bytes, &mut body, &mut permit).await {
            Ok(true) => {}
            Ok(false) => {
                // The client requested that much. It was generated and is charged, but can't be passed on.
                let other = String::from_utf8_lossy(&body).into_owned();
                yield Ok(Event::Other(other));
                let message =
                    format!("The answer has more than {MAX_KEPT_BYTES} bytes. Ask for less at once, or stream it.");
                yield Err(Error::new(Code::PayloadTooLarge, message));
                return;
            }
            Err(error) => {
                yield Err(error);
                return;
            }
        }
        // Decoded as text, since bytes that the parser skips would not be validated, but passed on as well.
        let Joined { json: text, is_done, error } = match convert::is_stream(&body) {
            true => convert::joined(&body).await,
            false => Joined { json: String::from_utf8(body).unwrap_or_default(), is_done: true, error: None },
        };
        let mut answer = match MessageContent::read(&text, false) {
            MessageContent::Answer(answer) => answer,
            MessageContent::Error(error) => {
                yield Err(shared.failed_midway(upstream, &error));
                return;
            }
            MessageContent::Nothing | MessageContent::Done | MessageContent::Unknown => {
                yield Err(error.map_or_else(no_answer, |error| shared.failed_midway(upstream, &error)));
                return;
            }
        };
        let mut progress = Progress::default();
        progress.note(&answer);
        let bytes = if as_stream { convert::as_event(&text) } else { Some(text) };
        let (true, Some(bytes)) = (progress.says_something(), bytes) else {
            yield Err(no_answer());
            return;
        };
        let (redactor, mut halves) = (shared.redactor(upstream), Halves::default());
        let text = halves.push(&answer.text()) + halves.rest();
        let (usage, finish) = (answer.usage, answer.finish());
        for beside in answer.beside() {
            yield Ok(beside);
        }
        let failed = error.map(|error| shared.failed_midway(upstream, &error));
        if let Some(error) = failed.or_else(|| (!is_done && !progress.has_ended(choices)).then(truncated)) {
            yield Ok(Event::Other(text));
            yield Err(error);
            return;
        }
        let bytes = redactor.bytes(permit.bytes(bytes.into_bytes()));
        yield Ok(Event::RawChunk { bytes, text: redactor.text(&text) });
        if as_stream {
            yield Ok(Event::RawChunk { bytes: Bytes::from_static(b"data: [DONE]\n\n"), text: String::new() });
        }
        if let Some(reason) = finish {
            yield Ok(Event::Finish(reason));
        }
        yield Ok(Event::Done(usage));
    }
    .boxed()
}
