//! The rules for new passwords, and the normal form of a password.

use unicode_normalization::UnicodeNormalization;

/// The rules besides the length, for people. [`check`] applies them.
pub const RULES: [&str; 3] = [
    "Not a common password, such as \"password1\".",
    "Not your username, and hard to guess without it.",
    "Not only a number, a date, a sequence or a repetition, unless it is long.",
];
/// Shortest password in characters (NIST SP 800-63B).
pub const MIN_CHARS: usize = 8;
/// Longest password in characters: long enough for any passphrase, short enough to check quickly.
pub const MAX_CHARS: usize = 256;
/// Longest password that is normalized, in bytes: more than any allowed password takes, even in decomposed form.
pub(super) const MAX_TYPED_BYTES: usize = 4096;
/// Minimum zxcvbn score, of 0 to 4; below 2 a password falls to an online attack without rate limits.
const MIN_SCORE: u8 = 2;

/// Maximum number of characters that are rated: an attacker who guesses a longer password has guessed its beginning
/// too. zxcvbn's time grows with the square of the length.
const RATED_CHARS: usize = 72;
/// The same for a password with many different signs that may stand for letters ("p4$$w0rd"). zxcvbn tries all
/// readings: 72 characters take half a second, 32 about as long as a hash.
const RATED_CHARS_WITH_MANY_SIGNS: usize = 32;
/// Maximum number of different signs of a password that is rated up to [`RATED_CHARS`].
const FEW_SIGNS: usize = 8;
/// The signs that zxcvbn reads as letters.
const SIGNS: &str = "4@8({[<3691!|70$5+%2";

/// Common passwords: those that head the lists of leaked ones, and default passwords of servers. Attackers try them
/// first.
const COMMON: [&str; 24] = [
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "password",
    "password1",
    "password123",
    "Password1",
    "qwerty",
    "qwerty123",
    "qwertyuiop",
    "111111",
    "abc123",
    "iloveyou",
    "letmein",
    "welcome",
    "welcome1",
    "admin",
    "admin123",
    "administrator",
    "root",
    "changeme",
    "secret",
    "test",
];

/// Returns the passwords that attackers try first for this username.
pub fn common(username: &str) -> impl Iterator<Item = String> + use<> {
    let own = [String::new(), username.to_owned(), username.to_lowercase(), format!("{username}123")];
    COMMON.into_iter().map(str::to_owned).chain(own)
}

/// Returns the normal form of a password, which is rated and hashed: without surrounding white space, in Unicode's form
/// NFC, so that it is the same however a keyboard or a form writes it.
pub fn normalize(typed: &str) -> String {
    typed.trim().nfc().collect()
}

/// Returns the texts that may have been hashed for a typed password, without duplicates: the normal form, and for
/// hashes that were made elsewhere or by older rules the text as it is, without surrounding white space, and in
/// Unicode's form NFD. Their number depends on the typed text alone.
pub(super) fn readings(typed: &str) -> Vec<String> {
    let trimmed = typed.trim();
    let mut readings = vec![normalize(typed)];
    for other in [typed.to_owned(), trimmed.to_owned(), trimmed.nfd().collect()] {
        if !readings.contains(&other) {
            readings.push(other);
        }
    }
    readings
}

/// Checks the length of a new password, in bounded time; the error is a message for people.
pub fn check_length(password: &str) -> Result<(), String> {
    let too_long = || Err(format!("Use at most {MAX_CHARS} characters."));
    if password.len() > MAX_TYPED_BYTES {
        return too_long();
    }
    let chars = normalize(password).chars().count();
    if chars > MAX_CHARS {
        return too_long();
    }
    if chars < MIN_CHARS {
        return Err(format!("Use at least {MIN_CHARS} characters."));
    }
    Ok(())
}

/// Checks a new password by all rules; the error is a message for people, and names the rule.
///
/// Takes up to a tenth of a second: on a server, [`super::Ticket::check`] runs it on a hashing thread.
pub fn check(password: &str, username: &str) -> Result<(), String> {
    check_length(password)?;
    let password = &normalize(password);
    let (lower, name) = (password.to_lowercase(), username.to_lowercase());
    if lower == name {
        return Err("This password is the username.".to_owned());
    }
    let has_name = !name.is_empty() && lower.contains(&name);
    let advice = "Add a word or two.";
    if let Some(reason) = weakness(password, username) {
        return Err(match reason {
            _ if has_name => format!("Apart from the username, this password is too easy to guess. {advice}"),
            _ if password.chars().all(char::is_numeric) => format!("Digits alone are too easy to guess. {advice}"),
            Some(reason) => format!("{reason} {advice}"),
            None => format!("This password is too easy to guess. {advice}"),
        });
    }
    // The end of the rated part may split the username, which zxcvbn recognises only as a whole.
    let is_cut = rated(password).len() < password.len() && has_name;
    if is_cut && weakness(&lower.replace(&name, ""), username).is_some() {
        return Err(format!("Apart from the username, this password is too easy to guess. {advice}"));
    }
    Ok(())
}

/// Returns why a password is weak, with zxcvbn's reason if it has one; `None` if it is not weak.
fn weakness(password: &str, username: &str) -> Option<Option<String>> {
    let rating = zxcvbn::zxcvbn(rated(password), &[username]);
    let reason = || rating.feedback().and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
    (u8::from(rating.score()) < MIN_SCORE).then(reason)
}

/// Returns the rated beginning of a password.
fn rated(password: &str) -> &str {
    let signs = SIGNS.chars().filter(|sign| password.contains(*sign)).count();
    let chars = if signs > FEW_SIGNS { RATED_CHARS_WITH_MANY_SIGNS } else { RATED_CHARS };
    let end = password.char_indices().nth(chars).map_or(password.len(), |(end, _)| end);
    password.get(..end).unwrap_or(password)
}

#[cfg(test)]
mod tests;
