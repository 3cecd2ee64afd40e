//! Counts the messages of a passed-on call, in one pass and without building them in memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::raw_request::Text;

/// The maximum number of messages of a call, and of content parts in total.
const MAX_MESSAGES: usize = 10_000;
const MAX_PARTS: usize = 10_000;

/// The counts of the messages of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    pub(super) count: usize,
    pub(super) parts: usize,
    pub(super) images: usize,
    /// The bytes of the image URLs, which may contain the images themselves.
    pub(super) image_bytes: usize,
    /// Whether there are files, audio, video or parts of an unknown type: only the upstream knows their input in model
    /// tokens.
    pub(super) other_media: bool,
}

/// Members of a part that contain text, or metadata of it.
const OF_TEXT: [&str; 16] = [
    "type",
    "text",
    "refusal",
    "cache_control",
    "annotations",
    "id",
    "name",
    "role",
    "index",
    "thinking",
    "reasoning",
    "signature",
    "input_text",
    "output_text",
    "tool_use_id",
    "is_error",
];
/// Members of a part or message that contain images.
const OF_IMAGES: [&str; 4] = ["image_url", "image", "images", "input_image"];
/// Members of a message that contain other media, under any name that an upstream knows.
const OF_MEDIA: [&str; 8] = ["audio", "audios", "video", "videos", "file", "files", "documents", "attachments"];

/// Counts messages. Values of an unexpected type count as nothing; only the messages as a whole must be an array.
///
/// # Errors
/// The reason, without a full stop.
pub(super) fn scan(json: &str) -> Result<Messages, String> {
    if !json.starts_with('[') {
        return Err("expected an array".to_owned());
    }
    let mut found = Messages::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let scan = Scan { place: Place::Messages, found: &mut found };
    scan.deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    if found.count > MAX_MESSAGES {
        return Err(format!("at most {MAX_MESSAGES} messages"));
    }
    if found.parts > MAX_PARTS {
        return Err(format!("at most {MAX_PARTS} content parts in total"));
    }
    Ok(found)
}

/// The position of a value: `messages[].content[].image_url.url`. `Media` is anything else in a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Messages,
    Message,
    Content,
    Part,
    Image,
    Url,
    Media,
}

impl Place {
    /// Returns the position of a member of an object here; `None` if it does not count.
    fn member(self, name: &str) -> Option<Self> {
        match (self, name) {
            // A part may contain parts, as the result of a tool does.
            (Self::Message | Self::Part, "content") => Some(Self::Content),
            (Self::Message | Self::Part, name) if OF_IMAGES.contains(&name) => Some(Self::Image),
            (Self::Message, name) if OF_MEDIA.contains(&name) => Some(Self::Media),
            (Self::Part, name) if !OF_TEXT.contains(&name) => Some(Self::Media),
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
            Place::Image | Place::Media => {
                while list.next_element_seed(Scan { place: self.place, found: self.found })?.is_some() {}
            }
            Place::Message | Place::Part | Place::Url => while list.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let place = match self.place {
            // Some upstreams accept a part without an array around it.
            Place::Content => Place::Part,
            place => place,
        };
        match place {
            Place::Image => self.found.images += 1,
            Place::Media => self.found.other_media = true,
            _ => {}
        }
        while let Some(Text(name)) = object.next_key()? {
            match place.member(&name) {
                Some(place) => object.next_value_seed(Scan { place, found: self.found })?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.place {
            Place::Url => self.found.image_bytes += text.len(),
            // Some upstreams accept a URL without an object around it; it counts as text and as an image.
            Place::Image => self.found.images += 1,
            Place::Media => self.found.other_media = true,
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
            (r#"[{"content":{"image_url":{"url":"http"}},"images":["http",{"url":"data"}]}]"#.to_owned(), 1, 0, 3, 8),
            (
                r#"[{"content":[{"image_url":["a","b"]},{"image_url":{"url":"a"},"image_url":"b"}]}]"#.to_owned(),
                1,
                2,
                4,
                1,
            ),
            (r#"[{"content":[{"type":"tool_result","content":[{"image":"http"}]}]}]"#.to_owned(), 1, 2, 1, 0),
            (r#"[{"content":"a","content":[{"input_image":{"file":"x"}}]}]"#.to_owned(), 1, 1, 1, 0),
        ] {
            assert_eq!(scan(&text), Ok(Messages { count, parts, images, image_bytes, other_media: false }), "{text}");
        }
    }

    #[test]
    fn media_of_unknown_size_are_noticed_under_any_name() {
        for text in [
            r#"[{"content":[{"type":"video_url","video_url":{"url":"http://a"}}]}]"#,
            r#"[{"content":[{"type":"file","file":{"file_id":"x"}}]}]"#,
            r#"[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]"#,
            r#"[{"content":[{"type":"document","url":"http://a"}]}]"#,
            r#"[{"content":[{"type":"text","text":"x"},{"anything":["http://a"]}]}]"#,
            r#"[{"content":{"type":"file","file_id":"x"}}]"#,
            r#"[{"content":"x","audio":{"id":"a"}}]"#,
            r#"[{"content":"x","videos":["http://a"]}]"#,
        ] {
            assert!(scan(text).unwrap().other_media, "{text}");
        }
        for text in [
            r#"[{"content":"x","audio":null,"videos":[],"annotations":[{"url":"a"}],"name":"http://a"}]"#,
            r#"[{"content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"},"index":0,"file":null}]}]"#,
        ] {
            assert!(!scan(text).unwrap().other_media, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_or_too_many_is_refused_and_nothing_long_is_repeated() {
        for text in ["{}".to_owned(), "1".to_owned(), format!("\"{}\"", "x".repeat(100_000)), "[".to_owned()] {
            let error = scan(&text).unwrap_err();
            assert!(error.len() < 100, "{error}");
        }
        let many = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
        assert_eq!(scan(&many("[]", 10_001)), Err("at most 10000 messages".to_owned()));
        assert!(scan(&many("[]", 10_000)).is_ok());
        let parts = format!("[{{\"content\":{}}}]", many("1", 10_001));
        assert_eq!(scan(&parts), Err("at most 10000 content parts in total".to_owned()));
    }
}
