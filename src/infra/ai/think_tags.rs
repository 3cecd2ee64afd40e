//! Reasoning that an upstream or a local model leaves in the text, between `<think>` and `</think>` at its beginning.

use async_stream::stream;
use futures::StreamExt;

use super::{Event, Reply};
use crate::core::finish_reason::FinishReason;

/// The tags of reasoning, as open models write them.
const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// Returns the reply with tagged reasoning as [`Event::Reasoning`].
///
/// Reasoning whose end is missing was none, unless the model reached its limit in it: it is returned as the answer, so
/// that a model that is made to begin with a tag does not answer for nothing.
pub(super) fn split_reasoning(mut reply: Reply) -> Reply {
    stream! {
        let (mut splitter, mut finish) = (Splitter::default(), None);
        while let Some(event) = reply.next().await {
            match event {
                Ok(Event::Chunk(piece)) => {
                    for event in splitter.push(&piece) {
                        yield Ok(event);
                    }
                }
                Ok(Event::Finish(reason)) => {
                    finish = Some(reason);
                    yield Ok(Event::Finish(reason));
                }
                Ok(Event::Done(usage)) => {
                    for event in splitter.end(finish) {
                        yield Ok(event);
                    }
                    yield Ok(Event::Done(usage));
                }
                Err(error) => {
                    for event in splitter.rest() {
                        yield Ok(event);
                    }
                    yield Err(error);
                }
                other => yield other,
            }
        }
    }
    .boxed()
}

/// Splits the text of a reply.
#[derive(Default)]
struct Splitter {
    place: Place,
    /// Text that may be a part of a tag.
    held: String,
    /// All reasoning so far, while its end is missing.
    reasoning: String,
}

#[derive(Clone, Copy, Default)]
enum Place {
    /// Before the first character of the reply that is not white space.
    #[default]
    Beginning,
    /// In reasoning, until this tag.
    Reasoning(&'static str),
    /// Between reasoning and the answer.
    Between,
    /// In the answer.
    Answer,
}

impl Splitter {
    fn push(&mut self, piece: &str) -> Vec<Event> {
        self.held.push_str(piece);
        let mut events = Vec::new();
        loop {
            match self.place {
                Place::Beginning => {
                    let text = self.held.trim_start();
                    if let Some((open, close)) = TAGS.into_iter().find(|(open, _)| text.starts_with(open)) {
                        self.held = text.strip_prefix(open).unwrap_or_default().to_owned();
                        self.place = Place::Reasoning(close);
                    } else if TAGS.iter().any(|(open, _)| open.starts_with(text)) {
                        return events;
                    } else {
                        self.place = Place::Answer;
                    }
                }
                Place::Reasoning(close) => match self.held.split_once(close) {
                    Some((reasoning, rest)) => {
                        let (reasoning, rest) = (reasoning.to_owned(), rest.to_owned());
                        self.reason(reasoning, &mut events);
                        (self.held, self.place) = (rest, Place::Between);
                        self.reasoning.clear();
                    }
                    None => {
                        let rest = self.held.split_off(self.held.len() - begun(&self.held, close));
                        let reasoning = std::mem::replace(&mut self.held, rest);
                        self.reason(reasoning, &mut events);
                        return events;
                    }
                },
                Place::Between => {
                    let answer = self.held.trim_start().to_owned();
                    self.held = answer;
                    if self.held.is_empty() {
                        return events;
                    }
                    self.place = Place::Answer;
                }
                Place::Answer => {
                    if !self.held.is_empty() {
                        events.push(Event::Chunk(std::mem::take(&mut self.held)));
                    }
                    return events;
                }
            }
        }
    }

    fn reason(&mut self, text: String, events: &mut Vec<Event>) {
        if !text.is_empty() {
            self.reasoning.push_str(&text);
            events.push(Event::Reasoning { text, hidden: String::new() });
        }
    }

    /// Returns what is held, when nothing follows.
    fn rest(&mut self) -> Vec<Event> {
        let (held, mut events) = (std::mem::take(&mut self.held), Vec::new());
        match self.place {
            Place::Reasoning(_) => self.reason(held, &mut events),
            Place::Beginning | Place::Between | Place::Answer => {
                events.extend(Some(held).filter(|held| !held.is_empty()).map(Event::Chunk));
            }
        }
        events
    }

    fn end(&mut self, finish: Option<FinishReason>) -> Vec<Event> {
        let mut events = self.rest();
        let is_unclosed = matches!(self.place, Place::Reasoning(_));
        if is_unclosed && finish != Some(FinishReason::Length) && !self.reasoning.is_empty() {
            events.push(Event::ReasoningIsAnswer(std::mem::take(&mut self.reasoning)));
        }
        events
    }
}

/// Returns the number of bytes at the end of a text with which the tag may begin.
fn begun(text: &str, tag: &str) -> usize {
    let ends = |length: &usize| text.as_bytes().ends_with(tag.as_bytes().get(..*length).unwrap_or_default());
    (1..tag.len().min(text.len() + 1)).rev().find(ends).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    /// Returns the reasoning, the answer, and whether the reasoning was the answer.
    async fn read(pieces: &[&str], finish: FinishReason) -> (String, String, bool) {
        let chunks = pieces.iter().map(|piece| Ok(Event::Chunk((*piece).to_owned())));
        let end = [Ok(Event::Finish(finish)), Ok(Event::Done(None))];
        let mut events = split_reasoning(stream::iter(chunks.chain(end).collect::<Vec<_>>()).boxed());
        let (mut reasoning, mut answer, mut is_answer) = (String::new(), String::new(), false);
        while let Some(event) = events.next().await {
            match event.unwrap() {
                Event::Chunk(text) => {
                    assert!(!text.is_empty());
                    answer.push_str(&text);
                }
                Event::Reasoning { text, .. } => reasoning.push_str(&text),
                Event::ReasoningIsAnswer(text) => {
                    assert_eq!(text, reasoning);
                    is_answer = true;
                }
                _ => {}
            }
        }
        (reasoning, answer, is_answer)
    }

    #[tokio::test]
    async fn tags_are_found_wherever_the_text_is_cut() {
        for (text, reasoning, answer) in [
            ("<think>Hm, 6 x 7.</think>\n\n42", "Hm, 6 x 7.", "42"),
            ("\n <thinking>a < b</thinking>c </think>", "a < b", "c </think>"),
            ("<think></think>x", "", "x"),
            ("no <think>tag</think> at its beginning", "", "no <think>tag</think> at its beginning"),
            ("<thin air>", "", "<thin air>"),
            (" <", "", " <"),
            ("<think>ü</thin</think>ö", "ü</thin", "ö"),
        ] {
            for size in 1..=text.len() {
                let chars: Vec<_> = text.chars().collect();
                let pieces: Vec<String> = chars.chunks(size).map(|part| part.iter().collect()).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                let (found, rest, is_answer) = read(&pieces, FinishReason::Stop).await;
                assert_eq!((found.as_str(), rest.as_str(), is_answer), (reasoning, answer, false), "{text} by {size}");
            }
        }
    }

    #[tokio::test]
    async fn reasoning_without_an_end_is_the_answer_unless_the_limit_was_reached() {
        let text = ["<think>The answer ", "is 42 </th"];
        let reasoning = "The answer is 42 </th".to_owned();
        assert_eq!(read(&text, FinishReason::Stop).await, (reasoning.clone(), String::new(), true));
        assert_eq!(read(&text, FinishReason::Length).await, (reasoning, String::new(), false));
    }
}
