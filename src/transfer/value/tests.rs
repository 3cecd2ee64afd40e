use super::*;

fn row() -> Row {
    vec![
        Value::Integer(i64::MAX),
        Value::Integer((1 << 53) + 1),
        Value::Text("a\u{1}\u{2028}\"😀".to_owned()),
        Value::Bytes(vec![0, 0xff]),
        Value::Boolean(true),
        Value::Time(DateTime::from_timestamp_micros(1_755_422_640_123_456).unwrap()),
        Value::Null(Kind::Text),
    ]
}

#[test]
fn files_carry_every_value_exactly() {
    let kinds = [Kind::Integer, Kind::Integer, Kind::Text, Kind::Bytes, Kind::Boolean, Kind::Time, Kind::Text];
    for (cell, kind) in row().into_iter().zip(kinds) {
        let text = serde_json::to_string(&cell.json()).unwrap();
        assert_eq!(Value::of_json(serde_json::from_str(&text).unwrap(), kind), Some(cell), "{text}");
    }
    for (text, kind) in [
        ("1.5", Kind::Integer),
        ("9223372036854775808", Kind::Integer),
        ("\"1\"", Kind::Integer),
        ("1", Kind::Text),
        ("1", Kind::Boolean),
        ("\"now\"", Kind::Time),
        ("\"??\"", Kind::Bytes),
        ("[]", Kind::Text),
    ] {
        assert_eq!(Value::of_json(serde_json::from_str(text).unwrap(), kind), None, "{text}");
    }
}

#[test]
fn sums_see_every_change_but_not_the_order() {
    let other = vec![Value::Text("b".to_owned())];
    let sum = |rows: &[&Row]| {
        let mut sum = TableChecksum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    };
    assert_eq!(sum(&[&row(), &other]), sum(&[&other, &row()]));
    assert_ne!(sum(&[&row(), &row()]).checksum(), sum(&[]).checksum());
    for at in 0..row().len() {
        let mut changed = row();
        changed[at] = Value::Text("changed".to_owned());
        assert_ne!(sum(&[&changed]).checksum(), sum(&[&row()]).checksum(), "{at}");
    }
    let split = |texts: [&str; 2]| sum(&[&texts.map(|text| Value::Text(text.to_owned())).to_vec()]);
    assert_ne!(split(["ab", "c"]), split(["a", "bc"]));
}
