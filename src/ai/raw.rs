//! A call as a program wrote it, to be passed on with as few changes as there can be: what is replaced is cut out of
//! the text and nothing else is touched, so that fields which nobody here knows arrive byte for byte.

use std::fmt;
use std::ops::Range;

use axum::body::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::Error;

/// A JSON object, and where its members are in the text.
#[derive(Clone, Debug)]
pub struct RawCall {
    body: Bytes,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    value: Range<usize>,
}

/// Why a text is no call, or one of its members is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The member that is wrong; none where the text as a whole is.
    pub param: Option<String>,
    /// A sentence for people.
    pub message: String,
}

impl RawCall {
    /// Finds the members of an object.
    ///
    /// # Errors
    /// What is no JSON object; a member that is there twice, since of two readers each may take another one.
    pub fn parse(body: Bytes) -> Result<Self, Malformed> {
        let whole = |message: String| Malformed { param: None, message };
        let text = std::str::from_utf8(&body).map_err(|_| whole("The body is not UTF-8.".to_owned()))?;
        let found: Found<'_> =
            serde_json::from_str(text).map_err(|error| whole(format!("The body is not a JSON object: {error}.")))?;
        let start = text.as_ptr() as usize;
        let mut members: Vec<Member> = Vec::with_capacity(found.0.len());
        for (name, value) in found.0 {
            if members.iter().any(|member| member.name == name) {
                return Err(Malformed { message: format!("`{name}` is there twice."), param: Some(name) });
            }
            let from = value.get().as_ptr() as usize - start;
            members.push(Member { name, value: from..from + value.get().len() });
        }
        Ok(Self { body, members })
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

    /// A member; nothing where it is not there, or null.
    ///
    /// # Errors
    /// A member of another type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Malformed> {
        let Some(json) = self.get(name) else { return Ok(None) };
        serde_json::from_str(json)
            .map_err(|error| Malformed { param: Some(name.to_owned()), message: format!("`{name}`: {error}.") })
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
    /// that are named or enclosed take `per_image` units each, whatever their bytes.
    pub fn input_bound(&self, per_image: u64) -> u64 {
        let mut bound = self.body.len() as u64;
        for image in self.images() {
            bound = bound.saturating_sub(image as u64).saturating_add(per_image);
        }
        bound
    }

    /// The bytes of each picture's address, which may hold the picture itself.
    fn images(&self) -> Vec<usize> {
        let messages: Vec<ImagesOf> =
            self.get("messages").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let parts = messages.into_iter().flat_map(|message| match message.content {
            Some(Parts::Many(parts)) => parts,
            Some(Parts::Other(_)) | None => Vec::new(),
        });
        parts.filter_map(|part| part.image_url).map(|image| image.url.map_or(0, |url| url.len())).collect()
    }
}

#[derive(Deserialize)]
struct ImagesOf {
    #[serde(default)]
    content: Option<Parts>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Parts {
    Many(Vec<Part>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    image_url: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    url: Option<String>,
}

/// The members in their order, as they stand in the text.
struct Found<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Found<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(member) = map.next_entry()? {
                    found.push(member);
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Members).map(Found)
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Error::new(crate::error::Code::InvalidInput, malformed.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &'static str) -> RawCall {
        RawCall::parse(Bytes::from_static(text.as_bytes())).unwrap()
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
            let refused = RawCall::parse(Bytes::from_static(text.as_bytes())).unwrap_err();
            assert_eq!(refused.param.as_deref(), param, "{text}: {}", refused.message);
        }
        assert!(RawCall::parse(Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
    }

    #[test]
    fn pictures_count_as_pictures_and_text_as_its_bytes() {
        let text = "{\"messages\":[{\"content\":\"hi\"},{\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1234\"}}]}]}";
        assert_eq!(call(text).input_bound(1000), text.len() as u64 - 9 + 1000);
        assert_eq!(call("{\"a\":1}").input_bound(1000), 7);
    }
}
