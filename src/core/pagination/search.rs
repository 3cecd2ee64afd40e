//! Search texts: their maximum length, and the conditions that match them literally.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};

use crate::core::error::Error;

/// Longest search text, in characters.
const MAX_SEARCH_CHARS: usize = 300;

/// Checks the length of a search text, before it is folded or passed to a database.
///
/// # Errors
/// [`search_too_long`].
pub fn check_search(search: &str) -> Result<(), Error> {
    let is_long = search.len() > 4 * MAX_SEARCH_CHARS || search.chars().count() > MAX_SEARCH_CHARS;
    if is_long { Err(search_too_long()) } else { Ok(()) }
}

/// Returns the condition that a text contains this one, whose characters are no wildcards.
pub fn contains(text: impl ExprTrait, part: &str) -> Expr {
    text.like(LikeExpr::new(format!("%{}%", literal(part))).escape('\\'))
}

/// Returns the condition that a text begins with this one, whose characters are no wildcards.
pub fn begins_with(text: impl ExprTrait, part: &str) -> Expr {
    text.like(LikeExpr::new(format!("{}%", literal(part))).escape('\\'))
}

/// Returns INVALID_INPUT for a search text that is too long.
pub fn search_too_long() -> Error {
    Error::field("search", format!("Use at most {MAX_SEARCH_CHARS} characters."))
}

/// Returns a LIKE pattern that matches this text alone.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
