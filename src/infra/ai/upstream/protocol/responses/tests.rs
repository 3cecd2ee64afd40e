use super::super::tests::{Read, SECOND_TURN, body, body_with_reasoning, garbage_is_nothing, read, sampling};
use super::*;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Role, Sampling};

#[test]
fn a_request_is_stored_nowhere() {
    let text = body(&Responses::default(), &SECOND_TURN, Sampling::default());
    let expected = concat!(
        r#"{"model":"up","input":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},"#,
        r#"{"role":"assistant","content":"Hello!"},{"role":"user","content":"Who are \"you\"?"}],"#,
        r#""stream":true,"store":false,"max_output_tokens":4000}"#
    );
    assert_eq!(text, expected);
    let thinking = Responses { reasoning_effort: Some("low".to_owned()) };
    let text = body(&thinking, &[(Role::User, "Hi")], sampling());
    let expected = concat!(
        r#""reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"#,
        r#""temperature":1.5,"top_p":0.5}"#
    );
    assert!(text.ends_with(expected), "{text}");
    assert!(!thinking.supports("stop"));
}

const COMPLETED: &str = r#"{"type":"response.completed","response":{"object":"response","status":"completed","error":null,
    "incomplete_details":null,"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm."},
    {"type":"summary_text","text":"Hm!"}],"encrypted_content":"b3BhcXVl"},{"type":"message","role":"assistant",
    "content":[{"type":"output_text","text":"10 \u20ac"}]}],"usage":{"input_tokens":100,
    "input_tokens_details":{"cached_tokens":64},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":40},
    "total_tokens":150}}}"#;

/// Without the id: the provider has stored nothing to look up. The summary is as it was sent.
const BLOCK: &str = r#"{"type":"reasoning","summary":[{"type":"summary_text",
            "text":"Hm."}],"encrypted_content":"b3BhcXVl"}"#;

const WHOLE_BLOCK: &str = r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm."},
    {"type":"summary_text","text":"Hm!"}],"encrypted_content":"b3BhcXVl"}"#;

#[test]
fn reasoning_goes_back_before_its_message() {
    let thinks = Responses { reasoning_effort: Some("low".to_owned()) };
    assert!(thinks.wants_reasoning() && !Responses::default().wants_reasoning());
    let text = body_with_reasoning(&thinks, &[BLOCK]);
    let items = format!(r#"{{"role":"user","content":"Hi"}},{BLOCK},{{"role":"assistant","content":"Hello!"}},"#);
    assert!(text.contains(&items) && !text.contains("another account"), "{text}");
}

fn completed() -> Read {
    Read {
        text: "10 €".to_owned(),
        reasoning: "Hm.\n\nHm!".to_owned(),
        hidden: "b3BhcXVl".to_owned(),
        blocks: vec![BLOCK.to_owned()],
        usage: Some(Usage { cache_read: 64, reasoning: 40, ..Usage::of(100, 50) }),
        finish: Some(FinishReason::Stop),
        is_done: true,
        ..Read::default()
    }
}

#[test]
fn a_stream_is_not_read_twice_though_its_end_repeats_it() {
    let events = [
        r#"{"type":"response.created","response":{"status":"in_progress","usage":null}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"reasoning","summary":[],"encrypted_content":"x"}}"#,
        r#"{"type":"response.reasoning_summary_part.added","summary_index":0,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","summary_index":0,"delta":"Hm."}"#,
        r#"{"type":"response.reasoning_summary_text.done","summary_index":0,"text":"Hm."}"#,
        r#"{"type":"response.reasoning_summary_part.added","summary_index":1,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","summary_index":1,"delta":"Hm!"}"#,
        r#"{"type":"response.output_item.done","item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text",
            "text":"Hm."}],"encrypted_content":"b3BhcXVl"}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","delta":"10 "}"#,
        r#"{"type":"response.output_text.delta","delta":"\u20ac"}"#,
        r#"{"type":"response.output_text.done","text":"10 \u20ac"}"#,
        COMPLETED,
    ];
    let mut found = read(&mut ResponseReader::default(), &events);
    assert_eq!(std::mem::take(&mut found.keep_alives), 6);
    assert_eq!(found, completed());
    // A service that streams nothing but the end has all of it there.
    let whole = Read { blocks: vec![WHOLE_BLOCK.to_owned()], ..completed() };
    assert_eq!(read(&mut ResponseReader::default(), &[COMPLETED]), whole);
}

#[test]
fn hidden_reasoning_alone_counts_once() {
    let item = r#"{"type":"reasoning","summary":[],"encrypted_content":"b3BhcXVl"}"#;
    let done = format!(r#"{{"type":"response.output_item.done","item":{item}}}"#);
    let end = format!(
        r#"{{"type":"response.incomplete","response":{{"status":"incomplete","output":[{item}],"incomplete_details":{{"reason":"max_output_tokens"}}}}}}"#
    );
    let found = read(&mut ResponseReader::default(), &[&done, &end]);
    assert_eq!((found.hidden.as_str(), found.finish), ("b3BhcXVl", Some(FinishReason::Length)));
}

#[test]
fn tools_refusals_and_limits_are_known() {
    let call = [
        r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#,
        r#"{"type":"response.refusal.delta","delta":"No."}"#,
        r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#,
    ];
    let found = read(&mut ResponseReader::default(), &call);
    assert_eq!((found.other.as_str(), found.finish), ("f{}No.", Some(FinishReason::ToolCalls)));
    for (reason, finish) in
        [("max_output_tokens", FinishReason::Length), ("content_filter", FinishReason::ContentFilter)]
    {
        let event = format!(
            r#"{{"type":"response.incomplete","response":{{"status":"incomplete","incomplete_details":{{"reason":"{reason}"}},"usage":{{"input_tokens":7,"output_tokens":3}}}}}}"#
        );
        let found = read(&mut ResponseReader::default(), &[&event]);
        assert_eq!((found.finish, found.is_done, found.usage), (Some(finish), true, Some(Usage::of(7, 3))));
    }
}

#[test]
fn failures_are_errors() {
    for error in [
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"lost"}}}"#,
        r#"{"type":"error","code":"server_error","message":"lost","param":null,"sequence_number":3}"#,
        r#"{"type":"error","error":{"type":"server_error","message":"lost"}}"#,
        r#"{"error":{"message":"lost"}}"#,
        r#"{"object":"response","status":"failed","error":{"message":"lost"},"output":[]}"#,
    ] {
        let found = read(&mut ResponseReader::default(), &[error]).error;
        assert!(found.is_some_and(|found| found.contains("lost")), "{error}");
    }
    garbage_is_nothing(&mut ResponseReader::default());
}
