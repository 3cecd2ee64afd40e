//! The members of a JSON object, borrowed from its text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The maximum number of members of a call, or of another object that is read here.
pub(super) const MAX_MEMBERS: usize = 200;

/// The members of an object: their names, and their JSON as it is in the text.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Returns the members of an object in the order of the text; `None` if there are too many.
///
/// # Errors
/// If the text is not an object.
pub fn members(object: &str) -> serde_json::Result<Option<Members<'_>>> {
    let Found(found) = serde_json::from_str(object)?;
    Ok((found.len() <= MAX_MEMBERS).then_some(found))
}

/// Returns the text of a JSON string; `None` for any other value.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).map(|Text(text)| text).ok()
}

/// A string, borrowed if it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The members of an object, at most one more than the maximum.
struct Found<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Found<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while found.len() <= MAX_MEMBERS {
                    let Some((Text(name), value)) = map.next_entry()? else { return Ok(found) };
                    found.push((name, value));
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(found)
            }
        }
        deserializer.deserialize_map(Members).map(Found)
    }
}
