//! A call as a program wrote it, to be passed on with as few changes as there can be: what is replaced is cut out of
//! the text and nothing else is touched, so that fields which nobody here knows arrive byte for byte.

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

/// Members of a call, or of another object that is read here.
const MAX_MEMBERS: usize = 200;
/// Bytes of the name of a member.
const MAX_NAME: usize = 256;
/// Bytes of a member that is read whole, as it is written. Longer ones are passed on, or read in parts.
const MAX_READ: usize = 16 << 10;
/// Lists and objects within each other.
const MAX_NESTING: usize = 128;

/// A JSON object, and where its members are in the text. Clones share it.
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

/// Why a text is no call, or one of its members is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The member that is wrong; none where the text as a whole is.
    pub param: Option<String>,
    /// A sentence for people.
    pub message: String,
    /// What is wrong, in OpenAI's words for programs; none where the text as a whole is no call.
    pub code: Option<&'static str>,
}

/// A type that a member of a call may have.
pub trait FromMember: DeserializeOwned {
    /// What the member has to be, in the words of JSON.
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

/// What a value is, in the words of JSON.
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

    /// A member whose value is not what it has to be.
    pub fn param(name: &str, message: String) -> Self {
        Self { param: Some(name.to_owned()), message, code: Some("invalid_value") }
    }
}

impl RawRequest {
    /// Finds the members of an object, and counts its messages. Takes time in proportion to the text, and little memory
    /// besides it.
    ///
    /// # Errors
    /// What is no JSON object; a member that is there twice, since of two readers each may take another one; more members,
    /// messages or nesting than there may be.
    pub fn parse(body: Bytes) -> Result<Self, InvalidRequest> {
        let text =
            std::str::from_utf8(&body).map_err(|_| InvalidRequest::whole("The body is not UTF-8.".to_owned()))?;
        if json::shape(text.as_bytes()).nesting > MAX_NESTING {
            let message = format!("The body has more than {MAX_NESTING} lists and objects within each other.");
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
                return Err(InvalidRequest::param(name, format!("`{name}` is there twice.")));
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

    /// The text as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The names of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// The JSON of a member.
    pub fn get(&self, name: &str) -> Option<&str> {
        let member = self.member(name)?;
        std::str::from_utf8(self.body.get(member.value.clone())?).ok()
    }

    /// How many messages there are; nothing where there is no such member, or null.
    pub fn messages(&self) -> Option<usize> {
        self.messages.map(|messages| messages.count)
    }

    /// A member; nothing where it is not there, or null.
    ///
    /// # Errors
    /// A member of another type, or a long one.
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

    /// The text with other values for these members. Those that are not there come first, before all others. One of the
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
        // The object begins with the first bracket.
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

    /// Where the name of a member stands, with its quotes. No name that is changed here has a quote in it.
    fn name_of(&self, member: &Member) -> Range<usize> {
        let quote = |before: usize| self.body.get(..before)?.iter().rposition(|byte| *byte == b'"');
        let last = quote(member.value.start).unwrap_or(member.value.start);
        quote(last).unwrap_or(last)..(last + 1).min(member.value.start)
    }

    /// An upper bound of what the call takes as input: no tokenizer makes more units than there are bytes. Pictures
    /// that are named or enclosed take `per_image` units each, whatever their bytes; where there are other media, it may be
    /// as much as the model can read.
    pub fn max_input(&self, per_image: u64, window: u64) -> u64 {
        let Messages { images, image_bytes, other_media, .. } = self.messages.unwrap_or_default();
        let text = (self.body.len() as u64).saturating_sub(image_bytes as u64);
        let bound = text.saturating_add(per_image.saturating_mul(images as u64));
        if other_media { bound.max(window) } else { bound }
    }
}

/// Members of an object: their names, and their JSON as it stands in the text.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The members of an object in their order, as they stand in the text; nothing where they are too many.
///
/// # Errors
/// What is no object.
pub fn members(object: &str) -> serde_json::Result<Option<Members<'_>>> {
    let Found(found) = serde_json::from_str(object)?;
    Ok((found.len() <= MAX_MEMBERS).then_some(found))
}

/// The text of a string; nothing for anything else.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).map(|Text(text)| text).ok()
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// As many members as there may be, and one more where there are more.
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
        let text = " { \"model\" : \"a\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\"max_tokens\":null , \"ü\":\"\\u00fc\" } ";
        let changed = call(text)
            .with(&[("model", "\"up\"".to_owned()), ("max_tokens", "7".to_owned()), ("new", "true".to_owned())], None);
        let expected = " {\"new\":true, \"model\" : \"up\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\"max_tokens\":7 , \"ü\":\"\\u00fc\" } ";
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
        let text = "{\"messages\":[{\"content\":\"hi\"},{\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1234\"}}]}]}";
        assert_eq!(call(text).max_input(1000, 9000), text.len() as u64 - 9 + 1000);
        assert_eq!(call("{\"a\":1}").max_input(1000, 9000), 7);
        let file = "{\"messages\":[{\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"x\"}}]}]}";
        assert_eq!(call(file).max_input(1000, 9000), 9000);
    }

    /// A call in which this stands so often, as members, as messages or as parts.
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
            (nested.into(), "The body has more than 128 lists and objects within each other."),
            (repeated("[]", 10_001, "{\"messages\":[", "]}"), "`messages`: at most 10000 of them."),
            (
                repeated("1", 10_001, "{\"messages\":[{\"content\":[", "]}]}"),
                "`messages`: at most 10000 parts in all of them.",
            ),
            (Bytes::from_static(b"{\"messages\":{}}"), "`messages`: a list is needed."),
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

    /// The time that the processor gave to this thread, whatever others do.
    fn cpu_time() -> std::time::Duration {
        nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
    }

    /// Two bodies of 3.9 MB once took 100 s, since each member was compared with each other.
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
            // What is quadratic takes 64 times as long.
            assert!(long <= short * 30, "{pattern}: {short:?}, and eight times as much {long:?}");
        }
    }
}
