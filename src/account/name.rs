//! User names: what they may be, and when two look alike.

use unicode_normalization::UnicodeNormalization;

/// Longest name in characters.
pub const MAX_CHARS: usize = 50;

/// The name as it is stored: trimmed, in Unicode's form NFKC.
pub fn normalize(typed: &str) -> String {
    typed.trim().nfkc().collect::<String>().trim().to_owned()
}

/// The name folded, so that names which differ only in case or Unicode form have the same key (Unicode's
/// `toNFKC_Casefold`, less the characters that are ignored, which [`check`] refuses).
pub fn key(name: &str) -> String {
    let folded: String = caseless::default_case_fold_str(&normalize(name));
    // Folding may undo the normal form, and the normal form may undo folding; twice is stable.
    caseless::default_case_fold_str(&folded.nfkc().collect::<String>()).nfkc().collect()
}

/// The key of a name that came by import and looks like another one, whose key is its own: only who writes the name as it
/// is finds this user. No name that [`check`] allows has such a key.
pub fn exact_key(name: &str) -> String {
    format!("{}\u{1f}{name}", key(name))
}

/// Whether a new user may be called this, once normalized; if not, a sentence that says why.
pub fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("This field may not be blank.".to_owned());
    }
    if name.chars().count() > MAX_CHARS {
        return Err(format!("Ensure this field has no more than {MAX_CHARS} characters."));
    }
    if name.contains('\0') {
        return Err("Null characters are not allowed.".to_owned());
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("Control and invisible characters are not allowed.".to_owned());
    }
    Ok(())
}

/// Characters that show nothing, or turn the direction of what follows: a name with them could pass for another.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_share_a_key() {
        for (a, b) in [
            ("mia", "MIA"),
            ("Straße", "STRASSE"),
            ("ﬁne", "FINE"),
            ("e\u{301}va", "ÉVA"),
            (" mia ", "mia"),
            ("ς", "Σ"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        assert_ne!(key("mia"), key("mía"));
        assert_ne!(exact_key("Mia"), exact_key("MIA"));
    }

    #[test]
    fn bad_names_are_refused_with_a_reason() {
        for bad in ["", "a\0b", "a\nb", "a\u{200b}b", "\u{202e}abc", &"x".repeat(51)] {
            assert!(check(&normalize(bad)).is_err(), "{bad:?}");
        }
        for good in ["x", "Mia Winter", "用户", "محمد", &"é".repeat(50)] {
            assert_eq!(check(&normalize(good)), Ok(()), "{good:?}");
        }
    }
}
