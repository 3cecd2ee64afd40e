use super::*;

const KEY: &str = "sk-s/1-end";

fn redactor() -> Redactor {
    Redactor::new(Some(&KEY.into()))
}

#[test]
fn a_key_is_in_no_bytes() {
    for (given, expected) in [
        ("{\"detail\":\"bad key sk-s/1-end\"}", "{\"detail\":\"bad key (key)\"}"),
        ("\"sk-s\\/1-end\"sk-s/1-end", "\"(key)\"(key)"),
        ("sk-s/1-en", "sk-s/1-en"),
    ] {
        assert_eq!(redactor().bytes(Bytes::from(given)), expected);
    }
    assert_eq!(Redactor::new(None).bytes("x".into()), "x");
    assert_eq!(Redactor::new(Some(&"".into())).bytes("x".into()), "x");
}

#[test]
fn a_key_is_in_no_text_however_it_is_cut() {
    let text = format!("sss{KEY}, {KEY}{KEY}sk-s");
    for size in 1..text.len() {
        let mut redactor = redactor();
        let mut redacted = String::new();
        for piece in text.as_bytes().chunks(size) {
            redacted.push_str(&redactor.piece(std::str::from_utf8(piece).unwrap()));
        }
        redacted.push_str(&redactor.rest());
        assert_eq!(redacted, "sss(key), (key)(key)sk-s", "{size}");
    }
}

#[test]
fn a_key_is_in_no_stream_however_it_is_cut_and_all_else_comes() {
    let text = format!("a s b{KEY}z sk c");
    for size in 1..text.len() {
        let mut redactor = redactor();
        let mut redacted = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            let piece = std::str::from_utf8(piece).unwrap();
            let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece}\"}}}}],\"s\":\"sk\"}}\n\n");
            redacted.extend(redactor.event(event.into(), piece));
        }
        redacted.extend(redactor.events());
        let shown: String = redacted
            .iter()
            .map(|(event, text)| {
                let event = std::str::from_utf8(event).unwrap();
                let value: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(value["choices"][0]["delta"]["content"], *text);
                text.clone()
            })
            .collect();
        assert_eq!(shown, "a s b(key)z sk c", "{size}");
    }
}
