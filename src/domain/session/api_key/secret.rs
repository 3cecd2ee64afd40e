//! The form of a key: a mark, a public prefix and a secret.

use crate::app::App;

/// The prefix of every key.
const MARK: &str = "jt-";
/// The length of the part that is stored and shown: the mark and twelve digits.
const PREFIX_LEN: usize = 15;

/// Returns a new key, and the public prefix that is part of it.
pub(super) fn generate(app: &App) -> (String, String) {
    let prefix = format!("{MARK}{}", app.random.hex128().split_at(PREFIX_LEN - MARK.len()).0);
    let secret = format!("{prefix}-{}{}", app.random.hex128(), app.random.hex128());
    (secret, prefix)
}

/// Returns the public prefix of a whole key; `None` if the text is shorter.
pub(super) fn prefix(key: &str) -> Option<&str> {
    key.get(..PREFIX_LEN)
}

/// Returns whether a credential has the form of an API key.
pub(in crate::domain::session) fn is_one(credential: &str) -> bool {
    credential.starts_with(MARK)
}
