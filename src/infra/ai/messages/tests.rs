use super::*;

#[test]
fn messages_parts_and_images_are_counted_whatever_else_is_there() {
    let image = r#"{"type":"image_url","image_url":{"detail":"low","url":"data:1234\u0035"}}"#;
    for (text, count, parts, images, image_bytes) in [
        ("[]".to_owned(), 0, 0, 0, 0),
        (r#"[1,null,"x",[[]],{}, 1.5, -1, true]"#.to_owned(), 8, 0, 0, 0),
        (format!(r#"[{{"role":"user","content":"hi"}},{{"content":[{image},{image},"x"]}}]"#), 2, 3, 2, 20),
        (
            r#"[{"content":[{"image_url":"data:12"},{"image_url":{"url":7}},{"image_url":null}]}]"#.to_owned(),
            1,
            3,
            2,
            0,
        ),
        (r#"[{"content":{"image_url":{"url":"http"}},"images":["http",{"url":"data"}]}]"#.to_owned(), 1, 0, 3, 8),
        (r#"[{"content":[{"image_url":["a","b"]},{"image_url":{"url":"a"},"image_url":"b"}]}]"#.to_owned(), 1, 2, 4, 1),
        (r#"[{"content":[{"type":"tool_result","content":[{"image":"http"}]}]}]"#.to_owned(), 1, 2, 1, 0),
        (r#"[{"content":"a","content":[{"input_image":{"file":"x"}}]}]"#.to_owned(), 1, 1, 1, 0),
    ] {
        assert_eq!(scan(&text), Ok(Messages { count, parts, images, image_bytes, other_media: false }), "{text}");
    }
}

#[test]
fn media_of_unknown_size_are_noticed_under_any_name() {
    for text in [
        r#"[{"content":[{"type":"video_url","video_url":{"url":"http://a"}}]}]"#,
        r#"[{"content":[{"type":"file","file":{"file_id":"x"}}]}]"#,
        r#"[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]"#,
        r#"[{"content":[{"type":"document","url":"http://a"}]}]"#,
        r#"[{"content":[{"type":"text","text":"x"},{"anything":["http://a"]}]}]"#,
        r#"[{"content":{"type":"file","file_id":"x"}}]"#,
        r#"[{"content":"x","audio":{"id":"a"}}]"#,
        r#"[{"content":"x","videos":["http://a"]}]"#,
    ] {
        assert!(scan(text).unwrap().other_media, "{text}");
    }
    for text in [
        r#"[{"content":"x","audio":null,"videos":[],"annotations":[{"url":"a"}],"name":"http://a"}]"#,
        r#"[{"content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"},"index":0,"file":null}]}]"#,
    ] {
        assert!(!scan(text).unwrap().other_media, "{text}");
    }
}

#[test]
fn what_is_no_list_or_too_many_is_refused_and_nothing_long_is_repeated() {
    for text in ["{}".to_owned(), "1".to_owned(), format!("\"{}\"", "x".repeat(100_000)), "[".to_owned()] {
        let error = scan(&text).unwrap_err();
        assert!(error.len() < 100, "{error}");
    }
    let many = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
    assert_eq!(scan(&many("[]", 10_001)), Err("at most 10000 messages".to_owned()));
    assert!(scan(&many("[]", 10_000)).is_ok());
    let parts = format!("[{{\"content\":{}}}]", many("1", 10_001));
    assert_eq!(scan(&parts), Err("at most 10000 content parts in total".to_owned()));
}
