//! User names: validation, normalization, and detection of confusable names.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Maximum length of a name, in characters.
pub const MAX_CHARS: usize = 50;
/// The rule for the characters of a new name: that of Django's user model, whose names are imported.
pub const RULE: &str = "Use letters, digits and the signs _ . @ + - only.";
/// The signs of [`RULE`].
const SIGNS: &str = "_.@+-";
/// Maximum length of an imported name, in characters: Django's own limit.
pub const MAX_IMPORTED_CHARS: usize = 150;
/// Maximum length of a name that is normalized, in bytes: a syllable of Hangul may be typed as three letters of three
/// bytes each. No user has a longer one, and normalizing takes far longer than reading.
const MAX_TYPED_BYTES: usize = 9 * MAX_IMPORTED_CHARS;
/// Maximum length of the normal form of a name, in characters: one character may expand to eighteen.
const MAX_NORMAL_CHARS: usize = 4 * MAX_IMPORTED_CHARS;

/// The key under which attempts for names without a key are counted. No name that [`check`] allows has it.
pub const TOO_LONG: &str = "\u{1f}too long";

/// Returns the name as it is stored: trimmed, in Unicode normal form NFKC. `None` if it is too long to be any user's.
pub fn normalize(typed: &str) -> Option<String> {
    if typed.len() > MAX_TYPED_BYTES {
        return None;
    }
    let normal: String = typed.trim().nfkc().take(MAX_NORMAL_CHARS + 1).collect();
    (normal.chars().count() <= MAX_NORMAL_CHARS).then(|| normal.trim().to_owned())
}

/// Returns the case-folded name, the same for names that differ only in case or Unicode form (Unicode's
/// `toNFKC_Casefold`, without removing default-ignorable characters, which [`check`] rejects). `None` as for
/// [`normalize`].
pub fn key(name: &str) -> Option<String> {
    let folded: String = caseless::default_case_fold_str(&normalize(name)?);
    // Folding may undo the normal form, and the normal form may undo folding; twice is stable.
    Some(caseless::default_case_fold_str(&folded.nfkc().collect::<String>()).nfkc().collect())
}

/// Returns the key of an imported name whose [`key`] another user has: only the exact spelling finds this user. No name
/// that [`check`] allows has such a key. `None` as for [`normalize`].
pub fn exact_key(name: &str) -> Option<String> {
    Some(format!("{}\u{1f}{name}", key(name)?))
}

/// Returns the skeleton of a name (Unicode Technical Standard 39), which confusable names share, in any case of
/// letters. `None` as for [`normalize`].
pub fn skeleton(name: &str) -> Option<String> {
    let folded = |text: &str| {
        let skeleton: String = unicode_security::skeleton(text).collect();
        caseless::default_case_fold_str(&skeleton)
    };
    // Twice, since a capital letter has another skeleton than the small one. That of a capital I is an l.
    Some(folded(&folded(&normalize(name)?)).chars().map(|c| if c == 'i' { 'l' } else { c }).collect())
}

/// Returns whether two names are written in different scripts. Digits and signs, which all scripts have, don't count.
pub fn scripts_differ(a: &str, b: &str) -> bool {
    let scripts = |name: &str| -> BTreeSet<_> {
        let scripts = name.chars().map(|c| c.script());
        let own = scripts.filter(|script| !matches!(script, Script::Common | Script::Inherited | Script::Unknown));
        own.map(|script| script.short_name()).collect()
    };
    let (a, b) = (scripts(a), scripts(b));
    !a.is_empty() && !b.is_empty() && a != b
}

/// Returns the normalized name if a new user may have it, else the text of the field error: [`check_visible`], then
/// [`RULE`]. Letters are those of any script, with their marks. Names of existing and imported users may have other
/// characters.
pub fn check(typed: &str) -> Result<String, String> {
    let name = check_visible(typed)?;
    let follows_rule = name.chars().all(|c| c.is_alphanumeric() || is_combining_mark(c) || SIGNS.contains(c));
    if follows_rule { Ok(name) } else { Err(RULE.to_owned()) }
}

/// Returns the normalized name if it is not too long, and has only characters that can be seen; else the text of the
/// field error. This is all that the registration route of the Django application's clients requires.
pub fn check_visible(typed: &str) -> Result<String, String> {
    let too_long = || format!("Use at most {MAX_CHARS} characters.");
    let name = normalize(typed).ok_or_else(too_long)?;
    if name.is_empty() {
        return Err("This field may not be blank.".to_owned());
    }
    if name.chars().count() > MAX_CHARS {
        return Err(too_long());
    }
    if name.contains('\0') {
        return Err("Null characters are not allowed.".to_owned());
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("Control and invisible characters are not allowed.".to_owned());
    }
    if name.chars().next().is_some_and(is_combining_mark) {
        // It would be rendered on the character before the name.
        return Err("A name does not begin with a combining mark.".to_owned());
    }
    Ok(name)
}

/// Returns whether a character is invisible or changes the direction of the text: a name with it could imitate another.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
