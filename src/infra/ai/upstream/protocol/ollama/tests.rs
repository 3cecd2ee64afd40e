use super::super::tests::{Read, SECOND_TURN, body, read, sampling};
use super::*;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Role, Sampling};

#[test]
fn a_request_has_its_limits_in_its_options() {
    let text = body(&Ollama::default(), &SECOND_TURN, Sampling::default());
    let expected = concat!(
        r#"{"model":"up","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},"#,
        r#"{"role":"assistant","content":"Hello!"},{"role":"user","content":"Who are \"you\"?"}],"#,
        r#""stream":true,"options":{"num_predict":4000,"num_ctx":8000}}"#
    );
    assert_eq!(text, expected);
    let thinking = Ollama { think: Some(Think::Switch(true)), keep_alive: Some("5m".to_owned()) };
    let text = body(&thinking, &[(Role::User, "Hi")], sampling());
    let expected = concat!(
        r#""think":true,"keep_alive":"5m","options":{"num_predict":4000,"num_ctx":8000,"temperature":1.5,"#,
        r#""top_p":0.5,"seed":-1,"stop":["END"]}}"#
    );
    assert!(text.ends_with(expected), "{text}");
    let level = Ollama { think: Some(Think::Level("high".to_owned())), keep_alive: None };
    assert!(body(&level, &[(Role::User, "Hi")], Sampling::default()).contains(r#""think":"high""#));
}

#[test]
fn a_line_has_thoughts_text_calls_or_the_end() {
    let events = [
        r#"{"model":"m","created_at":"2025-08-15T22:55:08Z","message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"10 \u20ac"},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}"#,
        r#"{"message":{"role":"assistant","content":""},"done":false}"#,
        r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"length","total_duration":9,
            "prompt_eval_count":26,"eval_count":11}"#,
    ];
    assert_eq!(
        read(&mut ChatReader, &events),
        Read {
            text: "10 €".to_owned(),
            reasoning: "Hm.".to_owned(),
            other: "f{\"a\":1}".to_owned(),
            usage: Some(Usage::of(26, 11)),
            finish: Some(FinishReason::Length),
            is_done: true,
            keep_alives: 1,
            ..Read::default()
        }
    );
    let error = read(&mut ChatReader, &[r#"{"error":"model runner has unexpectedly stopped"}"#]).error;
    assert!(error.is_some_and(|error| error.contains("stopped")));
    for garbage in ["}{", "7", "[]", "{}", "{\"done\":false}", "{\"done\":\"yes\"}"] {
        assert_eq!(read(&mut ChatReader, &[garbage]), Read { unknown: 1, ..Read::default() }, "{garbage}");
    }
    // All of the input was in memory.
    assert_eq!(read(&mut ChatReader, &[r#"{"done":true,"eval_count":3}"#]).usage, Some(Usage::of(0, 3)));
}
