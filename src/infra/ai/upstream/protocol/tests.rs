//! What the tests of the protocols share.

use super::{MessageContent, OwnCall, Reader, Wire};
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Event, Message, ReasoningBlock, Request, Role, Sampling, Usage};

/// Returns the body of a request with these messages, a limit of 4000 model tokens and a window of 8000.
pub(super) fn body(wire: &dyn Wire, said: &[(Role, &str)], sampling: Sampling) -> String {
    request_body(wire, said.iter().map(|(role, text)| message(*role, text)).collect(), sampling)
}

fn request_body(wire: &dyn Wire, messages: Vec<Message>, sampling: Sampling) -> String {
    let request = Request { messages: messages.into(), max_output: 4000, sampling, ..Request::default() };
    let call =
        OwnCall { model: "up", request: &request, limit_name: "max_tokens", origin: ORIGIN, context_window: 8000 };
    String::from_utf8(wire.body(&call).unwrap()).unwrap()
}

fn message(role: Role, text: &str) -> Message {
    Message::new(role, text)
}

/// The origin of reasoning blocks in requests.
pub(super) const ORIGIN: &str = "here";

/// Returns the body of a second turn whose first reply had these reasoning blocks, and one of another origin.
pub(super) fn body_with_reasoning(wire: &dyn Wire, blocks: &[&str]) -> String {
    let block = |origin: &str, block: &str| ReasoningBlock { origin: origin.to_owned(), block: block.to_owned() };
    let mut messages: Vec<_> = SECOND_TURN.iter().map(|(role, text)| message(*role, text)).collect();
    messages[2].reasoning = blocks.iter().map(|json| block(ORIGIN, json)).collect();
    messages[2].reasoning.push(block("elsewhere", "{\"text\":\"of another account\"}"));
    request_body(wire, messages, Sampling::default())
}

/// A conversation with a system prompt, up to the second message of the user.
pub(super) const SECOND_TURN: [(Role, &str); 4] =
    [(Role::System, "Be brief."), (Role::User, "Hi"), (Role::Assistant, "Hello!"), (Role::User, "Who are \"you\"?")];

/// Sampling with all parameters.
pub(super) fn sampling() -> Sampling {
    Sampling { temperature: Some(1.5), top_p: Some(0.5), seed: Some(u64::MAX), stop: vec!["END".to_owned()] }
}

/// What a response contains.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) hidden: String,
    pub(super) blocks: Vec<String>,
    pub(super) other: String,
    pub(super) usage: Option<Usage>,
    pub(super) finish: Option<FinishReason>,
    /// Whether it reached its last event.
    pub(super) is_done: bool,
    pub(super) keep_alives: usize,
    pub(super) unknown: usize,
    pub(super) error: Option<String>,
}

/// Reads the data of these events.
pub(super) fn read(reader: &mut dyn Reader, events: &[&str]) -> Read {
    let mut read = Read::default();
    for json in events {
        match reader.read(json, false) {
            MessageContent::Answer(mut answer) => {
                read.usage = answer.usage.or(read.usage);
                read.finish = answer.finish().or(read.finish);
                read.is_done |= answer.is_last;
                read.text.push_str(&String::from_utf8(answer.text()).unwrap());
                read.blocks.extend(answer.reasoning_blocks());
                for event in answer.beside() {
                    match event {
                        Event::Reasoning { text, hidden } => {
                            read.reasoning.push_str(&text);
                            read.hidden.push_str(&hidden);
                        }
                        Event::Other(other) => read.other.push_str(&other),
                        _ => {}
                    }
                }
            }
            MessageContent::Nothing => read.keep_alives += 1,
            MessageContent::Unknown => read.unknown += 1,
            MessageContent::Done => read.is_done = true,
            MessageContent::Error(error) => read.error = Some(error),
        }
    }
    read
}

/// What no protocol sends, and what a proxy may send in its place.
pub(super) const GARBAGE: [&str; 8] = [
    "}{",
    "<html>",
    "[]",
    "7",
    "{}",
    "{\"type\":7}",
    "{\"a\":\"\\ud800\"}",
    "{\"type\":\"of its own\",\"text\":\"x\"}",
];

/// Garbage is neither output nor an end nor an error.
pub(super) fn garbage_is_nothing(reader: &mut dyn Reader) {
    for json in GARBAGE {
        let found = read(reader, &[json]);
        let empty = Read { unknown: found.unknown, keep_alives: found.keep_alives, ..Read::default() };
        assert_eq!(found, empty, "{json}");
    }
    assert_eq!(read(reader, &[""]).keep_alives, 1);
    assert!(matches!(reader.read("overloaded", true), MessageContent::Error(_)));
    assert!(matches!(reader.read("{\"a\":1}", true), MessageContent::Error(_)));
}
