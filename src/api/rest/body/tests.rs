use super::*;

fn fields(media_type: &str, body: &str) -> Result<FormFields, ApiError> {
    parse(media_type, Bytes::copy_from_slice(body.as_bytes())).map(FormFields::new)
}

#[test]
fn the_three_kinds_of_body_say_the_same() {
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n b c \r\n--x--\r\n";
    for (media_type, body) in [
        ("application/json", r#"{"a": "first", "a": " b c "}"#),
        ("application/x-www-form-urlencoded", "a=first&a=+b+c%20"),
        ("multipart/form-data; boundary=x", multipart),
    ] {
        let mut fields = fields(media_type, body).ok().unwrap();
        assert_eq!(fields.text("a", 3), "b c", "{media_type}");
        assert!(fields.check().is_ok());
    }
}

#[test]
fn all_mistakes_of_all_fields_are_told() {
    let body = r#"{"null": null, "blank": " \t", "list": [], "bool": true, "long": "abcd\u0000", "number": 12}"#;
    let mut fields = fields("application/json", body).ok().unwrap();
    for field in ["missing", "null", "blank", "list", "bool", "long"] {
        fields.text(field, 3);
    }
    assert_eq!(fields.text("number", 3), "12");
    let Err(ApiError::Fields(errors)) = fields.check() else { panic!("no errors") };
    let expected = serde_json::json!({
        "missing": ["This field is required."],
        "null": ["This field may not be null."],
        "blank": ["This field may not be blank."],
        "list": ["Not a valid string."],
        "bool": ["Not a valid string."],
        "long": ["Ensure this field has no more than 3 characters.", "Null characters are not allowed."],
    });
    assert_eq!(Value::Object(errors), expected);
}

#[test]
fn what_would_take_much_more_memory_than_its_bytes_is_refused() {
    let rejection = |media_type: &str, body: &str| match fields(media_type, body) {
        Err(ApiError::Syntax(detail)) => detail,
        _ => panic!("{media_type}: not rejected"),
    };
    let (form, multipart) = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x");
    let pairs: String = (0..1001).map(|number| format!("a{number}=&")).collect();
    assert_eq!(rejection(form, &pairs), "The form has more than 1000 fields.");
    let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
    assert_eq!(rejection(multipart, &(part.repeat(1001) + "--x--\r\n")), "The form has more than 1000 fields.");
    assert!(fields(multipart, &(part.repeat(1000) + "--x--\r\n")).is_ok());
    let list = format!("{{\"a\":[{}]}}", "[],".repeat(5000));
    assert_eq!(rejection("application/json", &list), "JSON parse error - more than 10000 values");
    for broken in ["", "--x", "--x\r\n", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nends"] {
        assert!(fields(multipart, broken).is_err(), "{broken}");
    }
}
