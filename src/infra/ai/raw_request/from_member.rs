//! The types that members of a call are read as, and the names of the JSON types.

use serde::de::DeserializeOwned;

/// A type of a member of a call.
pub trait FromMember: DeserializeOwned {
    /// The name of the expected JSON type.
    const KIND: &'static str;
}

impl FromMember for String {
    const KIND: &'static str = "a string";
}

impl FromMember for bool {
    const KIND: &'static str = "true or false";
}

impl FromMember for f64 {
    const KIND: &'static str = "a number";
}

impl FromMember for u64 {
    const KIND: &'static str = "a whole number that is not negative";
}

impl FromMember for i64 {
    const KIND: &'static str = "a whole number";
}

/// Returns the name of a value's JSON type.
pub(super) fn kind_of(json: &str) -> &'static str {
    match json.trim_start().bytes().next() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "another number",
    }
}
