//! Tests of user names.

use super::*;

#[test]
fn names_that_look_alike_share_a_key() {
    for (a, b) in
        [("mia", "MIA"), ("Straße", "STRASSE"), ("ﬁne", "FINE"), ("e\u{301}va", "ÉVA"), (" mia ", "mia"), ("ς", "Σ")]
    {
        assert_eq!(key(a), key(b), "{a} {b}");
    }
    assert_ne!(key("mia"), key("mía"));
    assert_ne!(exact_key("Mia"), exact_key("MIA"));
}

#[test]
fn names_in_other_scripts_are_told_from_names_that_they_look_like() {
    let imitates = |new: &str, old: &str| skeleton(new) == skeleton(old) && scripts_differ(new, old);
    for (new, old) in [
        ("\u{430}dmin", "admin"), // one Cyrillic letter
        ("\u{440}\u{430}\u{443}\u{440}\u{430}l", "paypal"),
        ("\u{421}\u{41e}\u{421}\u{41e}", "coco"), // capitals, all Cyrillic
        ("\u{391}dmin", "Admin"),                 // Greek
        ("\u{456}an", "Ian"),
        ("\u{406}an", "ian"),
        ("admin", "\u{430}dmin"),
    ] {
        assert!(imitates(new, old), "{new} {old}: {:?} {:?}", skeleton(new), skeleton(old));
    }
    for (new, old) in [
        // Within one script the difference is visible, or accepted.
        ("torn", "tom"),
        ("mia1", "mial"),
        ("user10", "userlo"),
        ("\u{430}\u{43d}\u{43d}\u{430}", "anna"),
        ("\u{7528}\u{6237}", "user"),
        ("10", "lo"),
    ] {
        assert!(!imitates(new, old), "{new} {old}: {:?} {:?}", skeleton(new), skeleton(old));
    }
}

#[test]
fn bad_names_are_refused_with_a_reason() {
    for bad in ["", "a\0b", "a\nb", "a\u{200b}b", "\u{202e}abc", "\u{301}abc", "a\u{2800}b", &"x".repeat(51)] {
        assert!(check(bad).is_err(), "{bad:?}");
    }
    // Names that existing users may have, and new ones may not.
    for old in ["Mia Winter", "a b@!/", "zoe & co", "<b>", "a/b", "\u{1f40d}", "anna'", "a:b", "a,b", "#1"] {
        assert_eq!(check(old).err().as_deref(), Some(RULE), "{old:?}");
        assert_eq!(check_visible(old).as_deref(), Ok(old), "{old:?}");
        assert!(key(old).is_some(), "{old:?}");
    }
    for good in ["x", "mia.winter+1@example.com", "_-_", "用户", "محمد", "हिन्दी", "Жук", "user_2", &"é".repeat(50)]
    {
        assert_eq!(check(good).as_deref(), Ok(good), "{good:?}");
    }
}

#[test]
fn names_that_are_too_long_are_not_normalized() {
    // Each expands to eighteen characters in the normal form.
    let expanding = "\u{fdfa}".repeat(MAX_NORMAL_CHARS / 18 + 1);
    assert!(expanding.len() < MAX_TYPED_BYTES);
    for long in ["x".repeat(MAX_TYPED_BYTES + 1), "mia".to_owned() + &" ".repeat(MAX_TYPED_BYTES), expanding] {
        assert_eq!((normalize(&long), key(&long), exact_key(&long)), (None, None, None));
        assert_eq!(check(&long), Err("Use at most 50 characters.".to_owned()));
    }
    // The longest imported names, typed in decomposed forms.
    for most in ["\u{1f600}", "e\u{301}", "\u{1112}\u{1161}\u{11ab}"] {
        assert!(key(&most.repeat(MAX_IMPORTED_CHARS)).is_some(), "{most}");
    }
}
