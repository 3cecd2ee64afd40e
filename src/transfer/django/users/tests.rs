use super::*;

#[test]
fn balances_become_what_can_be() {
    let most = Tokens::MAX_BALANCE;
    for (raw, tokens, noted) in [
        (SqliteValue::Integer(4000), Tokens(4000), None),
        (SqliteValue::Integer(0), Tokens::ZERO, None),
        (SqliteValue::Integer(most.0), most, None),
        (SqliteValue::Text("5000000000".to_owned()), Tokens(5_000_000_000), None),
        (SqliteValue::Integer(-50), Tokens::ZERO, Some("the balance was -50")),
        (SqliteValue::Integer(i64::MAX), most, Some("the balance was 9223372036854775807")),
        (SqliteValue::Null, Tokens::ZERO, Some("the balance was not an integer")),
        (SqliteValue::Blob(vec![0]), Tokens::ZERO, Some("the balance was not an integer")),
    ] {
        assert_eq!(balance(&raw), (tokens, noted.map(str::to_owned)), "{raw:?}");
    }
}

#[test]
fn only_hashes_that_can_be_verified_are_taken_over() {
    let valid = format!("pbkdf2_sha256$1000$salt${}=", "A".repeat(43));
    assert_eq!(password_hash(&SqliteValue::Text(valid.clone())), Ok(valid));
    for bad in ["", "!", "!secret", "md5$salt$abc", "pbkdf2_sha256$99999999$salt$AAAA", "plain"] {
        let why = password_hash(&SqliteValue::Text(bad.to_owned())).unwrap_err();
        assert!(!why.contains("secret") && !why.contains("plain"), "{why}");
    }
    assert!(password_hash(&SqliteValue::Null).is_err());
    assert!(password_hash(&SqliteValue::Blob(vec![0xff])).is_err());
}
