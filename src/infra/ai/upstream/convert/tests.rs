use super::*;

#[tokio::test]
async fn a_stream_becomes_one_answer() {
    let body = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\
        \"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"He\"}}]}\n\n\
        : note\n\n\
        data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\",\
        \"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\
        \"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{\
        \"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]},\
        \"finish_reason\":\"stop\"},{\"index\":1,\"delta\":{\"content\":\"B\"}}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]";
    assert!(is_stream(body.as_bytes()) && !is_stream(b" {\"a\":1}"));
    let joined = joined(body.as_bytes()).await;
    assert!(joined.is_done && joined.error.is_none());
    let joined: Value = serde_json::from_str(&joined.json).unwrap();
    let expected = json!({
        "id": "x", "object": "chat.completion", "usage": { "prompt_tokens": 1 },
        "choices": [
            { "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hello",
                "tool_calls": [
                    { "index": 0, "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }
                ] } },
            { "index": 1, "message": { "content": "B" } },
        ],
    });
    assert_eq!(joined, expected);
    assert_eq!(super::joined(b"data: x\n\n").await.json, "");
    let failed =
        super::joined(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"error\":\"y\"}\n\n").await;
    assert_eq!((failed.error.as_deref(), failed.is_done), (Some("\"y\""), false));
    let part = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let halves = part("a\\\\ud83d\\uD83D") + &part("\\ude00\\n");
    let halves = super::joined(halves.as_bytes()).await.json;
    let value: Value = serde_json::from_str(&halves).unwrap();
    assert_eq!(value["choices"][0]["message"]["content"], "a\\ud83d\u{1f600}\n", "{halves}");
}

#[test]
fn one_answer_becomes_a_stream() {
    let body = "{\"object\":\"chat.completion\",\n\"n\":1.0e3,\
        \"choices\":[{\"index\":0,\"message\":{\"content\":\"a\\nb\",\"tool_calls\":[{\"id\":\"c\"}]}}]}";
    let expected = "data: {\"object\":\"chat.completion.chunk\",\"n\":1.0e3,\"choices\":[{\"index\":0,\"delta\":{\
        \"content\":\"a\\nb\",\"tool_calls\":[{\"id\":\"c\",\"index\":0}]}}]}\n\n";
    assert_eq!(as_event(body).unwrap(), expected);
    assert_eq!(as_event("[]"), None);
}
