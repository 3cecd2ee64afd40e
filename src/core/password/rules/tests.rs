use super::*;

#[test]
fn short_common_and_telling_passwords_are_refused() {
    for bad in ["", "short", "password", "password123", "12345678", "qwertyuiop", "mia-winter", &"x".repeat(300)] {
        assert!(check(bad, "mia-winter").is_err(), "{bad}");
    }
    for valid in ["correct horse battery", "tr0ub4dor&3x", "пароль-из-трёх-слов"] {
        assert_eq!(check(valid, "mia"), Ok(()), "{valid}");
    }
}

#[test]
fn each_rule_has_a_message_of_its_own() {
    for (bad, message) in [
        ("short", "Use at least 8 characters."),
        ("Mia-Winter", "This password is the username."),
        ("mia-winter1", "Apart from the username, this password is too easy to guess. Add a word or two."),
        ("918273645", "Digits alone are too easy to guess. Add a word or two."),
        ("aaaaaaaaaaa", "Repeats like \"aaa\" are easy to guess. Add a word or two."),
    ] {
        assert_eq!(check(bad, "mia-winter"), Err(message.to_owned()), "{bad}");
    }
    let common = check("password1", "mia-winter").err().unwrap_or_default();
    assert!(common.contains("common") && common.ends_with("Add a word or two."), "{common}");
}

#[test]
fn white_space_around_a_password_and_its_unicode_form_do_not_matter() {
    for same in ["caf\u{e9}-au-lait", " caf\u{e9}-au-lait\n", "cafe\u{301}-au-lait", "\u{a0}cafe\u{301}-au-lait "] {
        assert_eq!(normalize(same), "caf\u{e9}-au-lait", "{same:?}");
    }
    assert_eq!(readings("plain-password").len(), 1);
    let all = ["caf\u{e9}", " cafe\u{301} ", "cafe\u{301}"];
    assert_eq!(readings(" cafe\u{301} "), all);
    // Neither white space nor the typed form of a syllable makes a password longer.
    assert!(check("        ", "mia").is_err() && check(" short       ", "mia").is_err());
    let typed = "\u{1112}\u{1161}\u{11ab}".repeat(MAX_CHARS);
    assert_eq!(check_length(&typed), Ok(()));
    assert!(check_length(&format!("{typed}\u{1112}\u{1161}\u{11ab}")).is_err());
    assert!(check(" mia-winter", "mia-winter").is_err(), "which is the username");
}

#[test]
fn a_long_password_is_rated_by_its_beginning_and_no_weak_one_passes() {
    let name = "a-user-with-1234567890-and-many-letters-of-a-name";
    let weak = ["a", "abc", "password", "qwertyuiop", "12345678", "19991231", "p4$$w0rd"];
    let repeated = weak.iter().map(|part| part.chars().cycle().take(256).collect::<String>());
    let around = ["1", "12", "!"].into_iter().flat_map(|more| [format!("{name}{more}"), format!("{more}{name}")]);
    for weak in repeated.chain(around) {
        assert!(check(&weak, name).is_err(), "{weak}");
    }
    for valid in ["correct horse battery staple ", "tr0ub4dor&3x-", "4@8({[<3691!|70$5+%2"] {
        assert_eq!(check(&valid.chars().cycle().take(256).collect::<String>(), name), Ok(()), "{valid}");
    }
}

#[test]
fn what_zxcvbn_is_given_is_bounded() {
    for (part, rated_chars) in [("aß語🔑", 72), ("1234-abc", 72), (SIGNS, 32), ("0123456789", 32)] {
        let long: String = part.chars().cycle().take(256).collect();
        assert_eq!(rated(&long).chars().count(), rated_chars, "{part}");
    }
    assert_eq!(rated("short"), "short");
}

#[test]
fn lengths_are_counted_in_characters() {
    for (character, count, fits) in
        [("x", 7, false), ("x", 8, true), ("\u{1f511}", 256, true), ("\u{1f511}", 257, false)]
    {
        assert_eq!(check_length(&character.repeat(count)).is_ok(), fits, "{character} {count}");
    }
    assert!(check_length(&"x".repeat(10_000_000)).is_err());
}
