use super::super::tests::{Read, SECOND_TURN, body, body_with_reasoning, garbage_is_nothing, read, sampling};
use super::*;
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::Sampling;

#[test]
fn a_request_has_its_own_roles_and_names() {
    let text = body(&Gemini::default(), &SECOND_TURN, Sampling::default());
    let expected = concat!(
        r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":["#,
        r#"{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]},"#,
        r#"{"role":"user","parts":[{"text":"Who are \"you\"?"}]}],"generationConfig":{"maxOutputTokens":4000}}"#
    );
    assert_eq!(text, expected);
    let thinking = Gemini { thinking_budget: Some(-1), reasoning_effort: None };
    let text = body(&thinking, &[(Role::User, "Hi")], sampling());
    let config = concat!(
        r#"{"maxOutputTokens":4000,"temperature":1.5,"topP":0.5,"seed":2147483647,"stopSequences":["END"],"#,
        r#""thinkingConfig":{"includeThoughts":true,"thinkingBudget":-1}}"#
    );
    assert!(text.contains(config) && !text.contains("systemInstruction"), "{text}");
    let level = Gemini { thinking_budget: None, reasoning_effort: Some("low".to_owned()) };
    let text = body(&level, &[(Role::User, "Hi")], Sampling::default());
    assert!(text.contains(r#""thinkingConfig":{"includeThoughts":true,"thinkingLevel":"low"}"#), "{text}");
    let off = Gemini { thinking_budget: Some(0), reasoning_effort: None };
    assert!(!off.thinking(9).unwrap().include_thoughts);
    let large = Gemini { thinking_budget: Some(5000), reasoning_effort: None };
    assert_eq!(large.thinking(4000).unwrap().thinking_budget, Some(2000));
    assert_eq!(Gemini::default().path("gemini-x"), "models/gemini-x:streamGenerateContent?alt=sse");
    assert_eq!(Gemini::default().path("tunedModels/mine"), "tunedModels/mine:streamGenerateContent?alt=sse");
}

#[test]
fn thoughts_and_text_are_told_apart_and_counts_are_whole() {
    let events = [
        r#"{"candidates":[{"content":{"parts":[{"text":"Hm. ","thought":true}],"role":"model"},"index":0}],
            "usageMetadata":{"promptTokenCount":100,"thoughtsTokenCount":20,"totalTokenCount":120}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"10 \u20ac","thoughtSignature":"c2ln"}],"role":"model"}}],
            "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":3,"thoughtsTokenCount":20}}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"}],
            "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":8,"thoughtsTokenCount":30,
            "cachedContentTokenCount":64,"toolUsePromptTokenCount":5,"totalTokenCount":143}}"#,
    ];
    assert_eq!(
        read(&mut GenerateReader::default(), &events),
        Read {
            text: "10 €".to_owned(),
            reasoning: "Hm. ".to_owned(),
            other: "f{\"a\":1}".to_owned(),
            blocks: vec!["\"c2ln\"".to_owned()],
            usage: Some(Usage { cache_read: 64, reasoning: 30, ..Usage::of(105, 38) }),
            finish: Some(FinishReason::Stop),
            ..Read::default()
        }
    );
}

#[test]
fn a_signature_goes_back_after_its_text() {
    let text = body_with_reasoning(&Gemini::default(), &["\"Zmlyc3Q=\"", "\"c2ln\""]);
    let turn = r#"{"role":"model","parts":[{"text":"Hello!"},{"text":"","thoughtSignature":"c2ln"}]}"#;
    assert!(text.contains(turn) && !text.contains("Zmlyc3Q") && !text.contains("another account"), "{text}");
}

#[test]
fn reasons_blocks_and_errors_are_known() {
    for (reason, finish) in [
        ("MAX_TOKENS", Some(FinishReason::Length)),
        ("SAFETY", Some(FinishReason::ContentFilter)),
        ("RECITATION", Some(FinishReason::ContentFilter)),
        ("PROHIBITED_CONTENT", Some(FinishReason::ContentFilter)),
        ("OTHER", None),
    ] {
        let event = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
        assert_eq!(read(&mut GenerateReader::default(), &[&event]).finish, finish, "{reason}");
    }
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    let found = read(&mut GenerateReader::default(), &[blocked]);
    assert_eq!((found.finish, found.is_done), (Some(FinishReason::ContentFilter), true));
    assert_eq!(found.usage, Some(Usage::of(4, 0)));
    let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    assert!(read(&mut GenerateReader::default(), &[error]).error.is_some_and(|error| error.contains("overloaded")));
    garbage_is_nothing(&mut GenerateReader::default());
}
