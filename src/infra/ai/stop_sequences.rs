//! Stop sequences: ends a reply before a text that the client named.

use async_stream::stream;
use futures::StreamExt;

use super::{Event, Reply};
use crate::core::finish_reason::FinishReason;

/// Returns the reply up to the first stop sequence. Text that may begin one is buffered until it is certain.
pub(super) fn stop_before(mut reply: Reply, stops: Vec<String>) -> Reply {
    let stops: Vec<_> = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
    if stops.is_empty() {
        return reply;
    }
    stream! {
        let mut held = String::new();
        while let Some(event) = reply.next().await {
            match event {
                Ok(Event::Chunk(piece)) => {
                    held.push_str(&piece);
                    if let Some(end) = stops.iter().filter_map(|stop| held.find(stop.as_str())).min() {
                        let cut = held.split_off(end);
                        if !held.is_empty() {
                            yield Ok(Event::Chunk(held));
                        }
                        // The stop sequence was generated, so it is charged.
                        yield Ok(Event::Other(cut));
                        // Dropping the reply stops the model, which then reports no usage.
                        yield Ok(Event::Finish(FinishReason::Stop));
                        yield Ok(Event::Done(None));
                        return;
                    }
                    let certain = certain(&held, &stops);
                    let rest = held.split_off(certain);
                    if !held.is_empty() {
                        yield Ok(Event::Chunk(std::mem::replace(&mut held, rest)));
                    } else {
                        held = rest;
                    }
                }
                Ok(Event::Done(usage)) => {
                    if !held.is_empty() {
                        yield Ok(Event::Chunk(std::mem::take(&mut held)));
                    }
                    yield Ok(Event::Done(usage));
                }
                other => yield other,
            }
        }
    }
    .boxed()
}

/// Returns the length of the text, in bytes, that can't be the beginning of a stop sequence.
fn certain(text: &str, stops: &[String]) -> usize {
    let starts = text.char_indices().map(|(start, _)| start);
    let mut starts = starts.filter(|start| {
        let rest = text.get(*start..).unwrap_or_default();
        stops.iter().any(|stop| stop.starts_with(rest))
    });
    starts.next().unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::infra::ai::Usage;

    async fn output(pieces: &[&str], stops: &[&str]) -> (Vec<String>, Option<Usage>) {
        let usage = Some(Usage::of(1, 2));
        let events: Vec<_> = pieces.iter().map(|piece| Ok(Event::Chunk((*piece).to_owned()))).collect();
        let reply = stream::iter(events).chain(stream::iter([Ok(Event::Done(usage))])).boxed();
        let mut reply = stop_before(reply, stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut output = Vec::new();
        while let Some(event) = reply.next().await {
            match event.unwrap() {
                Event::Chunk(piece) => output.push(piece),
                Event::Done(usage) => return (output, usage),
                Event::Finish(reason) => assert_eq!(reason, FinishReason::Stop),
                // The stop sequence is charged.
                Event::Other(other) => assert!(stops.iter().any(|stop| other.starts_with(stop)), "{other}"),
                _ => unreachable!(),
            }
        }
        panic!("no end");
    }

    #[tokio::test]
    async fn replies_end_before_what_was_named_and_lose_nothing_else() {
        let usage = Some(Usage::of(1, 2));
        assert_eq!(output(&["one ", "two"], &[]).await, (vec!["one ".into(), "two".into()], usage));
        assert_eq!(output(&["one E", "N", "D two"], &["END"]).await, (vec!["one ".into()], None));
        assert_eq!(output(&["one E", "N", "E two"], &["END"]).await, (vec!["one ".into(), "ENE two".into()], usage));
        assert_eq!(output(&["aab"], &["ab"]).await, (vec!["a".into()], None));
        assert_eq!(output(&["xé", "né"], &["én!", "né"]).await, (vec!["x".into(), "é".into()], None));
        assert_eq!(output(&["one EN"], &["END"]).await, (vec!["one ".into(), "EN".into()], usage));
        assert_eq!(output(&["END"], &["END"]).await, (vec![], None));
    }
}
