//! The messages of a call that is passed on, counted in one pass: nothing is made of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::raw::Text;

/// Messages of a call, and parts of all of them.
const MAX_MESSAGES: usize = 10_000;
const MAX_PARTS: usize = 10_000;

/// What counts of the messages of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    pub(super) count: usize,
    pub(super) parts: usize,
    pub(super) images: usize,
    /// The bytes of their addresses, which may hold the images themselves.
    pub(super) image_bytes: usize,
}

/// Counts messages. Whatever is of another shape than expected counts as nothing, but for what is no list.
///
/// # Errors
/// A sentence without a full stop.
pub(super) fn scan(json: &str) -> Result<Messages, String> {
    if !json.starts_with('[') {
        return Err("a list is needed".to_owned());
    }
    let mut found = Messages::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let scan = Scan { place: Place::Messages, found: &mut found };
    scan.deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    if found.count > MAX_MESSAGES {
        return Err(format!("at most {MAX_MESSAGES} of them"));
    }
    if found.parts > MAX_PARTS {
        return Err(format!("at most {MAX_PARTS} parts in all of them"));
    }
    Ok(found)
}

/// Where a value stands: `messages[].content[].image_url.url`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Messages,
    Message,
    Content,
    Part,
    Image,
    Url,
}

impl Place {
    /// The place of a member of an object here; nothing where it does not count.
    fn member(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Message, "content") => Some(Self::Content),
            (Self::Part, "image_url") => Some(Self::Image),
            (Self::Image, "url") => Some(Self::Url),
            _ => None,
        }
    }
}

struct Scan<'s> {
    place: Place,
    found: &'s mut Messages,
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match self.place {
            Place::Messages => {
                while list.next_element_seed(Scan { place: Place::Message, found: self.found })?.is_some() {
                    self.found.count += 1;
                }
            }
            Place::Content => {
                while list.next_element_seed(Scan { place: Place::Part, found: self.found })?.is_some() {
                    self.found.parts += 1;
                }
            }
            Place::Message | Place::Part | Place::Image | Place::Url => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        if self.place == Place::Image {
            self.found.images += 1;
        }
        while let Some(Text(name)) = object.next_key()? {
            match self.place.member(&name) {
                Some(place) => object.next_value_seed(Scan { place, found: self.found })?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.place {
            Place::Url => self.found.image_bytes += text.len(),
            // Some take an address without an object around it; it counts as text and as an image.
            Place::Image => self.found.images += 1,
            Place::Messages | Place::Message | Place::Content | Place::Part => {}
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_parts_and_images_are_counted_whatever_else_is_there() {
        let image = r#"{"type":"image_url","image_url":{"detail":"low","url":"data:1234\u0035"}}"#;
        for (text, count, parts, images, image_bytes) in [
            ("[]".to_owned(), 0, 0, 0, 0),
            (r#"[1,null,"x",[[]],{}, 1.5, -1, true]"#.to_owned(), 8, 0, 0, 0),
            (format!(r#"[{{"role":"user","content":"hi"}},{{"content":[{image},{image},"x"]}}]"#), 2, 3, 2, 20),
            (
                r#"[{"content":[{"image_url":"data:12"},{"image_url":{"url":7}},{"image_url":null}]}]"#.to_owned(),
                1,
                3,
                2,
                0,
            ),
            (r#"[{"content":{"image_url":{"url":"not here"}},"image_url":{"url":"nor here"}}]"#.to_owned(), 1, 0, 0, 0),
        ] {
            assert_eq!(scan(&text), Ok(Messages { count, parts, images, image_bytes }), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_or_too_many_is_refused_and_nothing_long_is_repeated() {
        for text in ["{}".to_owned(), "1".to_owned(), format!("\"{}\"", "x".repeat(100_000)), "[".to_owned()] {
            let error = scan(&text).unwrap_err();
            assert!(error.len() < 100, "{error}");
        }
        let many = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
        assert_eq!(scan(&many("[]", 10_001)), Err("at most 10000 of them".to_owned()));
        assert!(scan(&many("[]", 10_000)).is_ok());
        let parts = format!("[{{\"content\":{}}}]", many("1", 10_001));
        assert_eq!(scan(&parts), Err("at most 10000 parts in all of them".to_owned()));
    }
}
