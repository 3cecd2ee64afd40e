//! Failures of a service, before its first byte and after it, at each kind: retries, failover, errors, and who pays.

use std::sync::Arc;

use rstest_reuse::apply;
use serde_json::json;

use super::double::{Double, Script};
use super::golden::ask;
use super::kinds::{KINDS, Kind};
use crate::support::{On, TestApp, on_both_databases};

fn status(status: u16) -> Script {
    let body = br#"{"error": {"message": "no, sk-secret is wrong"}}"#.to_vec();
    Script { status, kind: "application/json", chunks: vec![body], then_hang: false }
}

fn hang(script: Script) -> Script {
    Script { then_hang: true, ..script }
}

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Play {
    Refuse(u16),
    Garbage,
    /// It begins, and says nothing.
    Begin,
    /// It says half, and closes the connection.
    Half,
    HalfThenError,
    HalfThenHang,
    Hang,
    Whole,
    ThoughtsAlone,
    LimitWithinThoughts,
}

impl Play {
    fn at(self, kind: Kind) -> Script {
        let (begin, half, thought) = (kind.begin(), kind.piece("Half"), kind.thought("Hm."));
        match self {
            Self::Refuse(code) => status(code),
            Self::Garbage => kind.stream(&["data: }{\n\n<html>\n\n"]),
            Self::Begin => kind.stream(&[&begin, ":\n\n"]),
            Self::Half => kind.stream(&[&begin, &half]),
            Self::HalfThenError => kind.stream(&[&begin, &half, &kind.error()]),
            Self::HalfThenHang => hang(kind.stream(&[&begin, &half])),
            Self::Hang => hang(kind.stream(&[])),
            Self::Whole => kind.whole("Whole"),
            Self::ThoughtsAlone => kind.stream(&[&thought, &kind.end(false)]),
            Self::LimitWithinThoughts => kind.stream(&[&thought, &kind.end(true)]),
        }
    }
}

#[apply(on_both_databases)]
#[case::before_output(Play::Refuse(500), "", "ChatFailed", 0)]
#[case::wrong_key(Play::Refuse(401), "", "ChatFailed", 0)]
#[case::garbage(Play::Garbage, "", "ChatFailed", 0)]
#[case::begun(Play::Begin, "", "ChatFailed", 0)]
#[case::midway(Play::Half, "Half", "ChatBrokenOff", 0)]
#[case::error_midway(Play::HalfThenError, "Half", "ChatBrokenOff", 0)]
#[case::hanging(Play::HalfThenHang, "Half", "ChatBrokenOff", 0)]
#[case::silent(Play::Hang, "", "ChatFailed", 0)]
#[case::whole(Play::Whole, "Whole", "ChatDone", -100)]
#[case::thoughts_alone(Play::ThoughtsAlone, "", "ChatBrokenOff", 0)]
#[case::limit_within_thoughts(Play::LimitWithinThoughts, "", "ChatDone", 0)]
async fn who_pays_when_a_service_fails(
    on: On,
    #[case] play: Play,
    #[case] kept: &str,
    #[case] reason: &str,
    #[case] amount: i64,
) {
    for kind in KINDS {
        let double = Double::start(vec![play.at(kind)]).await;
        let limits = "turns.first_chunk_timeout = '300ms'\nturns.chunk_timeout = '300ms'";
        let app = TestApp::with_provider(on, limits, Arc::new(kind.provider(&[&double], 0))).await;
        let mia = app.user("mia").await;
        let sent = mia.say("upstream", "Hello").await;
        assert_eq!(sent["chat"]["response"], kept, "{kind:?}");
        assert_eq!(app.ledger(&mia).await[1], (reason.to_owned(), amount), "{kind:?}");
        assert_eq!(app.balance(&mia).await, (4000 + amount, 0));
        assert!(!sent.to_string().contains("sk-secret"), "{sent}");
        // At a metered price, a failure before any output is free, and what was produced is charged.
        let sent = mia.say("by_unit", "Hello").await;
        assert_eq!(sent["chat"]["cost"].as_i64().unwrap() > 0, reason != "ChatFailed", "{kind:?} {sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_but_never_after_the_first_byte() {
    for kind in KINDS {
        for passing in [429, 500, 502, 503, 504, 529] {
            let double = Double::start(vec![status(passing), kind.whole("ok")]).await;
            assert_eq!(text(kind, &[&double], 1).await, "ok", "{kind:?} {passing}");
            assert_eq!(double.sent().len(), 2);
        }
        let double = Double::start(vec![kind.stream(&[&kind.piece("half")]), kind.whole("whole")]).await;
        assert_eq!(text(kind, &[&double], 3).await, "half");
        assert_eq!(double.sent().len(), 1);
        let (first, second) = (Double::start(vec![status(500)]).await, Double::start(vec![kind.whole("two")]).await);
        assert_eq!(text(kind, &[&first, &second], 0).await, "two", "{kind:?}");
        assert_eq!((first.sent().len(), second.sent().len()), (1, 1));
    }
}

async fn text(kind: Kind, doubles: &[&Double], retries: u32) -> String {
    use futures::StreamExt;
    use jeton::infra::ai::{Event, Message, Provider, Request, Role};
    let messages = vec![Message::new(Role::User, "Hi")];
    let request = Request { messages: messages.into(), max_output: 99, ..Request::default() };
    let events: Vec<_> = kind.provider(doubles, retries).reply(request).collect().await;
    events.into_iter().filter_map(|event| if let Ok(Event::Chunk(text)) = event { Some(text) } else { None }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_apart_and_keys_stay_secret() {
    let rejected = |body: serde_json::Value| Script { chunks: vec![body.to_string().into_bytes()], ..status(400) };
    for kind in KINDS {
        let cases = [
            (status(401), "INTERNAL", "401"),
            (status(404), "INTERNAL", "404"),
            (status(400), "PROVIDER_UNAVAILABLE", "rejected"),
            (status(429), "PROVIDER_UNAVAILABLE", "busy"),
            (status(529), "PROVIDER_UNAVAILABLE", "529"),
            (status(302), "PROVIDER_UNAVAILABLE", "302"),
            (kind.stream(&[&kind.error()]), "PROVIDER_UNAVAILABLE", "overloaded"),
            (kind.stream(&["data: not json\n\n"]), "PROVIDER_UNAVAILABLE", "truncated"),
            (kind.stream(&["<html>hello</html>"]), "PROVIDER_UNAVAILABLE", "truncated"),
            (
                rejected(json!({ "error": { "code": 400, "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT", "details": [{ "reason": "API_KEY_INVALID" }] } })),
                "INTERNAL",
                "API_KEY_INVALID",
            ),
            (
                rejected(json!({ "type": "error", "error": { "type": "invalid_request_error",
                    "message": "Your credit balance is too low to access the Anthropic API." } })),
                "INTERNAL",
                "credit balance",
            ),
            // What a user wrote is no reason to suspect the account.
            (
                rejected(
                    json!({ "error": { "message": "not allowed: API_KEY_INVALID, Your credit balance is too low" } }),
                ),
                "PROVIDER_UNAVAILABLE",
                "rejected",
            ),
        ];
        for (script, code, message) in cases {
            let found = ask(kind, script).await;
            let error = found["error"].as_str().unwrap();
            assert!(error.contains(code) && error.contains(message), "{kind:?} {code} {message}: {error}");
            assert!(!error.contains("sk-secret") && found["text"] == "", "{found}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_reply_is_redacted_and_an_event_is_bounded() {
    for kind in KINDS {
        let found =
            ask(kind, kind.stream(&[&kind.begin(), &kind.piece("a sk-se"), &kind.piece("cret b"), &kind.end(false)]))
                .await;
        assert_eq!((found["text"].as_str(), &found["error"]), (Some("a (key) b"), &json!(null)), "{kind:?}");
    }
    for kind in [Kind::Anthropic, Kind::Ollama] {
        let event = kind.piece(&"x".repeat(33 << 20));
        let (head, tail) = event.split_at(16 << 20);
        let found = ask(kind, kind.stream(&[head, tail])).await;
        let error = found["error"].as_str().unwrap();
        assert!(error.contains("PAYLOAD_TOO_LARGE") && found["text"] == "", "{error}");
    }
}
