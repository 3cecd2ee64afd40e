//! Responses as the public documentation of each service shows them, and what they mean: the usage in the normal form, and
//! the cost, computed by hand.

use std::path::Path;

use futures::StreamExt;
use jeton::core::price::Price;
use jeton::infra::ai::{Event, Message, Provider, Request, Role, Usage};
use serde_json::{Value, json};

use super::double::{Double, Script};
use super::kinds::Kind;

/// Prepaid tokens per model token: 3 to read, 0.3 from a cache, 3.75 into one, 15 to write or to think.
const PRICE: Price = Price {
    per_message: 0,
    input: 3_000_000,
    cache_read: 300_000,
    cache_write: 3_750_000,
    output: 15_000_000,
    reasoning: 15_000_000,
    per_image: 0,
};

/// The places that end a stream.
const ENDS: [&str; 6] = [
    "\"stop_reason\":\"",
    "\"finishReason\"",
    "response.completed",
    "response.incomplete",
    "\"done\":true",
    "blockReason",
];

/// Asks for a reply. Returns what it contains, in the form of the expected files.
pub async fn ask(kind: Kind, script: Script) -> Value {
    let double = Double::start(vec![script]).await;
    let messages = vec![Message::new(Role::User, "Hi")];
    let request = Request { messages: messages.into(), max_output: 99, ..Request::default() };
    let mut reply = kind.provider(&[&double], 0).reply(request);
    let (mut text, mut reasoning, mut hidden, mut other) = (String::new(), String::new(), String::new(), String::new());
    let (mut usage, mut finish, mut error) = (None::<Usage>, None, None);
    while let Some(event) = reply.next().await {
        match event {
            Ok(Event::Chunk(piece)) => text += &piece,
            Ok(Event::Reasoning { text, hidden: more }) => {
                reasoning += &text;
                hidden += &more;
            }
            Ok(Event::Other(piece)) => other += &piece,
            Ok(Event::Usage(reported)) => usage = Some(reported),
            Ok(Event::Finish(reason)) => finish = Some(format!("{reason:?}")),
            Ok(Event::Done(reported)) => {
                assert_eq!(reported, usage);
                break;
            }
            Ok(_) => {}
            Err(failed) => error = Some(format!("{failed:?}")),
        }
    }
    let cost = usage.map_or(0, |usage| PRICE.of_usage(usage).0);
    let usage = usage.map(|usage| {
        assert_eq!(usage, usage.normalized(), "parts never exceed their whole");
        json!({ "input": usage.input, "cache_read": usage.cache_read, "cache_write": usage.cache_write,
            "output": usage.output, "reasoning": usage.reasoning })
    });
    json!({ "text": text, "reasoning": reasoning, "hidden": hidden, "other": other, "usage": usage,
        "finish": finish, "cost": cost, "error": error })
}

/// Completes an expected file: what it does not mention is empty.
fn expected(path: &Path) -> Value {
    let given: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut whole = json!({ "text": "", "reasoning": "", "hidden": "", "other": "", "usage": null, "finish": null,
        "cost": 0, "error": null });
    for (name, value) in given.as_object().unwrap() {
        match name.as_str() {
            "by_hand" => {}
            "usage" => {
                let mut usage = json!({ "cache_read": 0, "cache_write": 0, "reasoning": 0 });
                usage.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
                whole["usage"] = usage;
            }
            name => whole[name] = value.clone(),
        }
    }
    whole
}

fn compare(mut found: Value, expected: &Value, place: &str) {
    // Errors are in the log, with their place.
    if let (Some(error), Some(part)) = (found["error"].as_str(), expected["error"].as_str()) {
        assert!(error.contains(part) && error.contains("PROVIDER_UNAVAILABLE"), "{place}: {error}");
        found["error"] = part.into();
    }
    assert_eq!(&found, expected, "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_of_the_documentation_mean_what_was_computed_by_hand() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/providers/golden");
    let mut count = 0;
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let kind = Kind::of_folder(folder.file_name().unwrap().to_str().unwrap());
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.display().to_string();
            if name.ends_with(".expected.json") {
                continue;
            }
            count += 1;
            let expected = expected(&file.with_extension("expected.json"));
            let bytes = std::fs::read(&file).unwrap();
            let is_whole = name.ends_with(".json");
            let content = if is_whole { "application/json" } else { "text/event-stream" };
            let script = |chunks| Script { status: 200, kind: content, chunks, then_hang: false };
            compare(ask(kind, script(vec![bytes.clone()])).await, &expected, &name);
            // Wherever the network cuts it.
            let cut = bytes.chunks(bytes.len() / 50 + 7).map(<[u8]>::to_vec).collect();
            compare(ask(kind, script(cut)).await, &expected, &name);
            if !is_whole && expected["error"].is_null() {
                truncated(kind, &bytes, script).await;
            }
        }
    }
    assert!(count >= 18, "{count}");
}

/// A stream that lacks its end fails, wherever it was cut.
async fn truncated(kind: Kind, bytes: &[u8], script: impl Fn(Vec<Vec<u8>>) -> Script) {
    let text = std::str::from_utf8(bytes).unwrap();
    let separator = if kind == Kind::Ollama { "\n" } else { "\n\n" };
    let events: Vec<_> = text.split_inclusive(separator).collect();
    let end = events.iter().position(|event| ENDS.iter().any(|end| event.contains(end))).unwrap();
    for count in 0..=end {
        // Half of the next event is lost with it.
        let half = &events[count][..events[count].floor_char_boundary(events[count].len() / 2)];
        let found = ask(kind, script(vec![(events[..count].concat() + half).into_bytes()])).await;
        assert!(found["error"].as_str().is_some_and(|error| error.contains("truncated")), "{count} {text}: {found}");
    }
}
