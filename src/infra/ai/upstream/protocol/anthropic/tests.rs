use super::super::tests::{Read, SECOND_TURN, body, body_with_reasoning, garbage_is_nothing, read, sampling};
use super::*;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::Sampling;

#[test]
fn a_request_marks_what_the_next_turn_repeats() {
    let text = body(&Anthropic::default(), &SECOND_TURN, Sampling::default());
    let mark = r#","cache_control":{"type":"ephemeral"}"#;
    let expected = [
        r#"{"model":"up","max_tokens":4000,"stream":true,"system":[{"type":"text","text":"Be brief.""#,
        mark,
        r#"}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},"#,
        r#"{"role":"assistant","content":[{"type":"text","text":"Hello!""#,
        mark,
        r#"}]},{"role":"user","content":[{"type":"text","text":"Who are \"you\"?"}]}]}"#,
    ];
    let expected = expected.concat();
    assert_eq!(text, expected);
    let first = body(&Anthropic::default(), SECOND_TURN.get(..2).unwrap(), Sampling::default());
    let prefix = first.strip_suffix("]}").unwrap();
    assert!(text.starts_with(prefix), "{prefix}\n{text}");
    // Empty texts are invalid.
    let said = [(Role::System, ""), (Role::User, "Hi"), (Role::Assistant, "")];
    let text = body(&Anthropic::default(), &said, Sampling::default());
    assert!(!text.contains("system") && !text.contains("assistant") && !text.contains("cache_control"), "{text}");
}

#[test]
fn sampling_and_thinking_have_their_names() {
    let has = |wire: &Anthropic, part: &str| {
        let text = body(wire, &[(Role::User, "Hi")], sampling());
        assert!(text.contains(part), "{part}: {text}");
        text
    };
    has(&Anthropic::default(), r#""temperature":1.0,"top_p":0.5,"stop_sequences":["END"]"#);
    let budget = Anthropic { thinking_budget: Some(2000), reasoning_effort: None };
    let text = has(&budget, r#""thinking":{"type":"enabled","budget_tokens":2000}"#);
    assert!(!text.contains("temperature") && text.contains("stop_sequences"), "{text}");
    let effort = Anthropic { thinking_budget: None, reasoning_effort: Some("high".to_owned()) };
    has(&effort, r#""thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"high"}"#);
    // A hold that pays for less output lowers the budget with it, or leaves no thinking.
    let larger = |budget| Anthropic { thinking_budget: Some(budget), reasoning_effort: None };
    has(&larger(4000), r#""budget_tokens":2000}"#);
    assert!(larger(3000).thinking(2000).is_none());
    assert!(!effort.supports("temperature") && Anthropic::default().supports("top_p"));
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],
    "stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,
    "cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50},"output_tokens":4}}}"#;

#[test]
fn thoughts_text_and_tools_are_told_apart() {
    let events = [
        START,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm. "}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"b3BhcXVl"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"10 "}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"\u20ac"}}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},
            "usage":{"output_tokens":50,"output_tokens_details":{"thinking_tokens":30}}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let usage = Usage { cache_read: 3000, cache_write: 200, reasoning: 30, ..Usage::of(3210, 50) };
    assert_eq!(
        read(&mut MessagesReader::default(), &events),
        Read {
            text: "10 €".to_owned(),
            reasoning: "Hm. ".to_owned(),
            hidden: "b3BhcXVl".to_owned(),
            blocks: vec![SIGNED.to_owned(), r#"{"type":"redacted_thinking","data":"b3BhcXVl"}"#.to_owned()],
            other: "f{}{\"a\":1}".to_owned(),
            usage: Some(usage),
            finish: Some(FinishReason::ToolCalls),
            is_done: true,
            keep_alives: 4,
            ..Read::default()
        }
    );
    // The output that a message begins with is not output: a failure now costs nothing.
    let begun = Usage { output: 0, reasoning: 0, ..usage };
    assert_eq!(read(&mut MessagesReader::default(), &[START]).usage, Some(begun));
}

const SIGNED: &str = r#"{"type":"thinking","thinking":"Hm. ","signature":"c2ln"}"#;

#[test]
fn thinking_goes_back_before_its_text() {
    let thinks = Anthropic { reasoning_effort: Some("low".to_owned()), thinking_budget: None };
    assert!(thinks.wants_reasoning() && !Anthropic::default().wants_reasoning());
    let text = body_with_reasoning(&thinks, &[SIGNED]);
    let turn = format!(r#"{{"role":"assistant","content":[{SIGNED},{{"type":"text","text":"Hello!","cache_control""#);
    assert!(text.contains(&turn) && !text.contains("another account"), "{text}");
    // A block whose signature is missing is not accepted.
    let begun = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"Hm."}}"#;
    let end = r#"{"type":"content_block_stop","index":0}"#;
    assert_eq!(read(&mut MessagesReader::default(), &[begun, end]).blocks, [""; 0]);
}

#[test]
fn a_whole_message_is_read_like_a_stream() {
    let whole = r#"{"type":"message","role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"s"},
        {"type":"text","text":"Yes"}],"stop_reason":"max_tokens","usage":{"input_tokens":7,"output_tokens":3}}"#;
    let found = read(&mut MessagesReader::default(), &[whole]);
    assert_eq!((found.text.as_str(), found.reasoning.as_str(), found.is_done), ("Yes", "Hm.", true));
    assert_eq!((found.usage, found.finish), (Some(Usage::of(7, 3)), Some(FinishReason::Length)));
    assert_eq!(found.blocks, [r#"{"type":"thinking","thinking":"Hm.","signature":"s"}"#]);
}

#[test]
fn reasons_and_errors_are_known() {
    for (reason, finish) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("pause_turn", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
        ("tool_use", FinishReason::ToolCalls),
    ] {
        let event = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        assert_eq!(read(&mut MessagesReader::default(), &[&event]).finish, Some(finish), "{reason}");
    }
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let found = read(&mut MessagesReader::default(), &[error]).error;
    assert_eq!(found.as_deref(), Some(r#"{"type":"overloaded_error","message":"Overloaded"}"#));
    garbage_is_nothing(&mut MessagesReader::default());
}
