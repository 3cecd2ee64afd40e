use super::*;

fn text(text: &str) -> SqliteValue {
    SqliteValue::Text(text.to_owned())
}

#[test]
fn numbers_may_be_of_any_type() {
    for (raw, number) in [
        (SqliteValue::Integer(i64::MIN), Some(i64::MIN)),
        (SqliteValue::Real(4000.0), Some(4000)),
        (SqliteValue::Real(-50.0), Some(-50)),
        (text(" 4000 "), Some(4000)),
        (text("-7"), Some(-7)),
        (SqliteValue::Real(0.5), None),
        (SqliteValue::Real(1e300), None),
        (SqliteValue::Real(f64::NAN), None),
        (SqliteValue::Real(f64::INFINITY), None),
        (text("9223372036854775808"), None),
        (text("many"), None),
        (text(""), None),
        (SqliteValue::Null, None),
        (SqliteValue::Blob(b"1".to_vec()), None),
    ] {
        assert_eq!(raw.integer(), number, "{raw:?}");
    }
}

#[test]
fn yes_and_no_may_be_of_any_type() {
    for (raw, yes) in [
        (SqliteValue::Integer(1), Some(true)),
        (SqliteValue::Integer(0), Some(false)),
        (text("1"), Some(true)),
        (text("True"), Some(true)),
        (text("false"), Some(false)),
        (SqliteValue::Integer(2), None),
        (text("yes"), None),
        (SqliteValue::Null, None),
        (SqliteValue::Blob(vec![1]), None),
    ] {
        assert_eq!(raw.boolean(), yes, "{raw:?}");
    }
}

#[test]
fn times_come_with_and_without_a_fraction() {
    for (raw, time) in [
        ("2025-08-17 09:24:00", Some("2025-08-17T09:24:00+00:00")),
        ("2025-08-17 09:24:00.1", Some("2025-08-17T09:24:00.100+00:00")),
        ("2025-08-17 09:24:00.123456", Some("2025-08-17T09:24:00.123456+00:00")),
        ("2025-08-17 09:24:00.123456789", Some("2025-08-17T09:24:00.123456+00:00")),
        ("2025-08-17T09:24:00", Some("2025-08-17T09:24:00+00:00")),
        ("2025-08-17T09:24:00Z", Some("2025-08-17T09:24:00+00:00")),
        ("2025-08-17 11:24:00.5+02:00", Some("2025-08-17T09:24:00.500+00:00")),
        ("1969-12-31 23:59:59.000005", Some("1969-12-31T23:59:59.000005+00:00")),
        ("0999-12-31 23:59:59", None),
        ("12025-08-17 09:24:00", None),
        ("2025-02-30 09:24:00", None),
        ("2025-08-17", None),
        ("now", None),
        ("", None),
    ] {
        assert_eq!(text(raw).time().map(|time| time.to_rfc3339()).as_deref(), time, "{raw}");
    }
    for raw in
        [SqliteValue::Null, SqliteValue::Integer(1_755_422_640), SqliteValue::Blob(b"2025-08-17 09:24:00".to_vec())]
    {
        assert_eq!(raw.time(), None, "{raw:?}");
    }
}

#[test]
fn texts_are_kept_but_for_null_characters() {
    assert_eq!(text("a\0b\u{1b}").text().as_deref(), Some("a\u{fffd}b\u{1b}"));
    assert_eq!(SqliteValue::Integer(12345).text().as_deref(), Some("12345"));
    assert_eq!(SqliteValue::Blob(vec![0xff]).text(), None);
    assert_eq!(SqliteValue::Null.text(), None);
}
