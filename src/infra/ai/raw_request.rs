//! A call of an API client, to be passed on with as few changes as possible: replaced values are cut out of the text
//! and nothing else is changed, so that unknown fields arrive byte for byte.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::messages::{self, Messages};
use crate::core::error::Error;
use crate::core::json;

/// The maximum number of members of a call, or of another object that is read here.
const MAX_MEMBERS: usize = 200;
/// The maximum length of a member's name, in bytes.
const MAX_NAME: usize = 256;
/// The maximum length of a member that is read whole, in bytes of JSON. Longer ones are passed on, or read in parts.
const MAX_READ: usize = 16 << 10;
/// The maximum nesting of lists and objects.
const MAX_NESTING: usize = 128;

/// A JSON object, and the positions of its members in the text. Clones share it.
#[derive(Clone, Debug)]
pub struct RawRequest {
    body: Bytes,
    members: Arc<[Member]>,
    messages: Option<Messages>,
}

#[derive(Debug)]
struct Member {
    name: String,
    value: Range<usize>,
}

/// The reason why a text is not a valid call, or why one of its members is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The invalid member; `None` if the text as a whole is invalid.
    pub param: Option<String>,
    /// The error message, a full sentence.
    pub message: String,
    /// OpenAI's machine-readable error code; `None` if the text as a whole is not a call.
    pub code: Option<&'static str>,
}

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
fn what_is(json: &str) -> &'static str {
    match json.trim_start().bytes().next() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "another number",
    }
}

impl InvalidRequest {
    fn whole(message: String) -> Self {
        Self { param: None, message, code: None }
    }

    /// Creates the error of a member with an invalid value.
    pub fn param(name: &str, message: String) -> Self {
        Self { param: Some(name.to_owned()), message, code: Some("invalid_value") }
    }
}

impl RawRequest {
    /// Parses the members of an object and counts its messages. Takes time in proportion to the text, and little
    /// additional memory.
    ///
    /// # Errors
    /// If the body is not a JSON object; if a member is duplicated, since two readers may take different ones; if there
    /// are too many members or messages, or too much nesting.
    pub fn parse(body: Bytes) -> Result<Self, InvalidRequest> {
        let text =
            std::str::from_utf8(&body).map_err(|_| InvalidRequest::whole("The body is not UTF-8.".to_owned()))?;
        if json::shape(text.as_bytes()).nesting > MAX_NESTING {
            let message = format!("The body is nested deeper than {MAX_NESTING} levels.");
            return Err(InvalidRequest::whole(message));
        }
        let found = members(text)
            .map_err(|error| InvalidRequest::whole(format!("The body is not a JSON object: {error}.")))?
            .ok_or_else(|| InvalidRequest::whole(format!("The body has more than {MAX_MEMBERS} members.")))?;
        let start = text.as_ptr() as usize;
        let (mut members, mut names) = (Vec::with_capacity(found.len()), HashSet::with_capacity(found.len()));
        let mut messages = None;
        for (name, value) in &found {
            if name.len() > MAX_NAME {
                let message = format!("The name of a member has more than {MAX_NAME} bytes.");
                return Err(InvalidRequest::whole(message));
            }
            if !names.insert(name) {
                return Err(InvalidRequest::param(name, format!("`{name}` appears twice.")));
            }
            if name == "messages" && value.get() != "null" {
                messages = Some(
                    messages::scan(value.get())
                        .map_err(|error| InvalidRequest::param(name, format!("`messages`: {error}.")))?,
                );
            }
            let from = value.get().as_ptr() as usize - start;
            members.push(Member { name: name.to_string(), value: from..from + value.get().len() });
        }
        Ok(Self { members: members.into(), messages, body })
    }

    /// Returns the unchanged text.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the names of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// Returns the JSON of a member.
    pub fn get(&self, name: &str) -> Option<&str> {
        let member = self.member(name)?;
        std::str::from_utf8(self.body.get(member.value.clone())?).ok()
    }

    /// Returns the number of messages; `None` if there is no such member, or it is null.
    pub fn messages(&self) -> Option<usize> {
        self.messages.map(|messages| messages.count)
    }

    /// Reads a member; `None` if it is missing or null.
    ///
    /// # Errors
    /// If the member has another type, or is too long.
    pub fn read<T: FromMember>(&self, name: &str) -> Result<Option<T>, InvalidRequest> {
        let Some(json) = self.get(name) else { return Ok(None) };
        if json.len() > MAX_READ {
            return Err(InvalidRequest::param(name, format!("`{name}` has more than {MAX_READ} bytes.")));
        }
        serde_json::from_str(json).map_err(|_| {
            let (wanted, given) = (T::KIND, what_is(json));
            let message = format!("Invalid type for '{name}': expected {wanted}, but got {given} instead.");
            InvalidRequest { code: Some("invalid_type"), ..InvalidRequest::param(name, message) }
        })
    }

    /// Returns the text with new values for these members. Missing ones are inserted before all others. One of the
    /// members may be renamed.
    pub fn with(&self, changes: &[(&str, String)], renamed: Option<(&str, &str)>) -> Bytes {
        let mut places: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        for (name, value) in changes {
            match self.member(name) {
                Some(member) => places.push((member.value.clone(), value.clone())),
                None => added.push_str(&format!("\"{name}\":{value},")),
            }
        }
        if let Some((from, to)) = renamed
            && let Some(member) = self.member(from)
        {
            places.push((self.name_of(member), format!("\"{to}\"")));
        }
        if self.members.is_empty() {
            added.pop();
        }
        // The object begins at the first brace.
        let brace = self.body.iter().position(|byte| *byte == b'{').map_or(0, |place| place + 1);
        places.push((brace..brace, added));
        places.sort_by_key(|(place, _)| (place.start, place.end));
        let mut changed = Vec::with_capacity(self.body.len() + 256);
        let mut copied = 0;
        for (place, value) in places {
            changed.extend_from_slice(self.body.get(copied..place.start).unwrap_or_default());
            changed.extend_from_slice(value.as_bytes());
            copied = place.end;
        }
        changed.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        changed.into()
    }

    fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Returns the position of a member's name, with its quotes. No name that is changed here contains a quote.
    fn name_of(&self, member: &Member) -> Range<usize> {
        let quote = |before: usize| self.body.get(..before)?.iter().rposition(|byte| *byte == b'"');
        let last = quote(member.value.start).unwrap_or(member.value.start);
        quote(last).unwrap_or(last)..(last + 1).min(member.value.start)
    }

    /// Returns an upper bound of the call's input in model tokens: no tokenizer makes more of them than there are
    /// bytes. Linked or embedded images count `per_image` each, whatever their bytes; with other media, the bound is at
    /// least the context window.
    pub fn max_input(&self, per_image: u64, window: u64) -> u64 {
        let Messages { images, image_bytes, other_media, .. } = self.messages.unwrap_or_default();
        let text = (self.body.len() as u64).saturating_sub(image_bytes as u64);
        let bound = text.saturating_add(per_image.saturating_mul(images as u64));
        if other_media { bound.max(window) } else { bound }
    }
}

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

impl From<InvalidRequest> for Error {
    fn from(malformed: InvalidRequest) -> Self {
        Error::new(crate::core::error::Code::InvalidInput, malformed.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl FromMember for Vec<String> {
        const KIND: &'static str = "a list of strings";
    }

    fn call(text: &'static str) -> RawRequest {
        RawRequest::parse(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn what_is_not_replaced_stays_byte_for_byte() {
        let text = " { \"model\" : \"a\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\
            \"max_tokens\":null , \"ü\":\"\\u00fc\" } ";
        let changed = call(text)
            .with(&[("model", "\"up\"".to_owned()), ("max_tokens", "7".to_owned()), ("new", "true".to_owned())], None);
        let expected = " {\"new\":true, \"model\" : \"up\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\
            \"max_tokens\":7 , \"ü\":\"\\u00fc\" } ";
        assert_eq!(changed, expected);
        assert_eq!(call("{}").with(&[("a", "1".to_owned()), ("b", "2".to_owned())], None), "{\"a\":1,\"b\":2}");
        assert_eq!(call(text).with(&[], None), text);
        let renamed = call("{\"a\":\"x\", \"max\\u005ftokens\" : 9 ,\"b\":1}");
        let renamed = renamed.with(&[("max_tokens", "7".to_owned())], Some(("max_tokens", "limit")));
        assert_eq!(renamed, "{\"a\":\"x\", \"limit\" : 7 ,\"b\":1}");
        assert_eq!(call(text).names().collect::<Vec<_>>(), ["model", "xy", "max_tokens", "ü"]);
        assert_eq!(call(text).read::<u64>("max_tokens"), Ok(None));
        assert_eq!(call(text).read::<u64>("model").unwrap_err().param.as_deref(), Some("model"));
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        for (text, param) in [
            ("{\"model\":1,\"mod\\u0065l\":2}", Some("model")),
            ("[]", None),
            ("{\"a\":}", None),
            ("{\"a\":1}x", None),
            ("", None),
        ] {
            let refused = RawRequest::parse(Bytes::from_static(text.as_bytes())).unwrap_err();
            assert_eq!(refused.param.as_deref(), param, "{text}: {}", refused.message);
        }
        assert!(RawRequest::parse(Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
    }

    #[test]
    fn pictures_count_as_pictures_and_text_as_its_bytes() {
        let text = "{\"messages\":[{\"content\":\"hi\"},{\"content\":[{\"type\":\"text\",\"text\":\"x\"},\
            {\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1234\"}}]}]}";
        assert_eq!(call(text).max_input(1000, 9000), text.len() as u64 - 9 + 1000);
        assert_eq!(call("{\"a\":1}").max_input(1000, 9000), 7);
        let file = "{\"messages\":[{\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"x\"}}]}]}";
        assert_eq!(call(file).max_input(1000, 9000), 9000);
    }

    /// Returns a call that repeats the pattern, as members, as messages or as parts.
    fn repeated(pattern: &str, count: usize, before: &str, after: &str) -> Bytes {
        let all: Vec<_> = (0..count).map(|number| pattern.replace('#', &number.to_string())).collect();
        format!("{before}{}{after}", all.join(",")).into()
    }

    #[test]
    fn what_there_is_too_much_of_is_refused_by_the_name_of_its_limit() {
        let long = format!("{{\"{}\":1}}", "x".repeat(MAX_NAME + 1));
        let nested = format!("{{\"x\":{}{}}}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING));
        for (body, message) in [
            (repeated("\"#\":1", MAX_MEMBERS + 1, "{", "}"), "The body has more than 200 members."),
            (long.into(), "The name of a member has more than 256 bytes."),
            (nested.into(), "The body is nested deeper than 128 levels."),
            (repeated("[]", 10_001, "{\"messages\":[", "]}"), "`messages`: at most 10000 messages."),
            (
                repeated("1", 10_001, "{\"messages\":[{\"content\":[", "]}]}"),
                "`messages`: at most 10000 content parts in total.",
            ),
            (Bytes::from_static(b"{\"messages\":{}}"), "`messages`: expected an array."),
        ] {
            assert_eq!(RawRequest::parse(body).unwrap_err().message, message);
        }
        let most = RawRequest::parse(repeated("\"#\":1", MAX_MEMBERS, "{", "}")).unwrap();
        assert_eq!((most.names().count(), most.get("199")), (200, Some("1")));
        let long = RawRequest::parse(repeated("\"x\"", 10_000, "{\"stop\":[", "]}")).unwrap();
        let refused = long.read::<Vec<String>>("stop").unwrap_err();
        assert_eq!(
            (refused.param.as_deref(), refused.message.as_str()),
            (Some("stop"), "`stop` has more than 16384 bytes.")
        );
    }

    /// Returns the CPU time of this thread, which is independent of other load.
    fn cpu_time() -> std::time::Duration {
        nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
    }

    /// Regression: two bodies of 3.9 MB once took 100 s, since each member was compared with each other.
    #[test]
    fn time_grows_with_the_text_and_not_faster() {
        let image = "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:#\"}}]}";
        for (pattern, before, after) in [
            ("\"member#\":[1,\"x\"]", "{", "}"),
            ("[]", "{\"messages\":[", "]}"),
            (image, "{\"messages\":[", "]}"),
            ("{\"type\":\"text\",\"text\":\"#\"}", "{\"messages\":[{\"content\":[", "]}]}"),
            ("\\u00fc\\n#", "{\"messages\":[{\"content\":\"", "\"}]}"),
        ] {
            let took = |count| {
                let body = repeated(pattern, count, before, after);
                let once = || {
                    let began = cpu_time();
                    RawRequest::parse(body.clone()).map(|call| call.max_input(1, 1)).ok();
                    cpu_time() - began
                };
                (0..5).map(|_| once()).min().unwrap()
            };
            let (short, long) = (took(5_000), took(40_000));
            // Quadratic time would take 64 times as long.
            assert!(long <= short * 30, "{pattern}: {short:?}, and eight times as much {long:?}");
        }
    }
}
