//! Counts the messages of a passed-on call, in one pass and without building them in memory.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::json_visitor::{JsonReader, Reading, read};
use super::members::Text;

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
    read(Scan { place: Place::Messages, found: &mut found }, json).map_err(|error| error.to_string())?;
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

impl Scan<'_> {
    /// Returns the reader of a value within this one.
    fn inner(&mut self, place: Place) -> Reading<Scan<'_>> {
        Reading(Scan { place, found: self.found })
    }
}

impl JsonReader for Scan<'_> {
    fn text(self, text: &str) {
        match self.place {
            Place::Url => self.found.image_bytes += text.len(),
            // Some upstreams accept a URL without an object around it; it counts as text and as an image.
            Place::Image => self.found.images += 1,
            Place::Media => self.found.other_media = true,
            Place::Messages | Place::Message | Place::Content | Place::Part => {}
        }
    }

    fn list<'de, A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        match self.place {
            Place::Messages => {
                while list.next_element_seed(self.inner(Place::Message))?.is_some() {
                    self.found.count += 1;
                }
            }
            Place::Content => {
                while list.next_element_seed(self.inner(Place::Part))?.is_some() {
                    self.found.parts += 1;
                }
            }
            place @ (Place::Image | Place::Media) => while list.next_element_seed(self.inner(place))?.is_some() {},
            Place::Message | Place::Part | Place::Url => while list.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
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
                Some(place) => object.next_value_seed(self.inner(place))?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
