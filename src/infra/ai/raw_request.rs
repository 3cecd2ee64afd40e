//! A call of an API client, to be passed on with as few changes as possible: replaced values are cut out of the text
//! and nothing else is changed, so that unknown fields arrive byte for byte.

mod from_member;
mod invalid;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub use self::from_member::FromMember;
use self::from_member::kind_of;
pub use self::invalid::InvalidRequest;
use super::members::{MAX_MEMBERS, members};
use super::messages::{self, Messages};
use crate::core::json;

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

    /// Returns the number of images in the messages.
    pub fn images(&self) -> u64 {
        self.messages.map_or(0, |messages| messages.images as u64)
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
            let (wanted, given) = (T::KIND, kind_of(json));
            let message = format!("Invalid type for '{name}': expected {wanted}, but got {given} instead.");
            InvalidRequest { code: Some("invalid_type"), ..InvalidRequest::param(name, message) }
        })
    }

    /// Returns the text with new values for these members, in segments: what is unchanged are slices that share the
    /// memory of the body, since the body may be as large as its images. Missing members are inserted before all others.
    /// One of the members may be renamed.
    pub fn with(&self, changes: &[(&str, String)], renamed: Option<(&str, &str)>) -> Vec<Bytes> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        for (name, value) in changes {
            match self.member(name) {
                Some(member) => edits.push((member.value.clone(), value.clone())),
                None => added.push_str(&format!("\"{name}\":{value},")),
            }
        }
        if let Some((from, to)) = renamed
            && let Some(member) = self.member(from)
        {
            edits.push((self.name_of(member), format!("\"{to}\"")));
        }
        if self.members.is_empty() {
            added.pop();
        }
        // The object begins at the first brace.
        let brace = self.body.iter().position(|byte| *byte == b'{').map_or(0, |place| place + 1);
        edits.push((brace..brace, added));
        edits.sort_by_key(|(place, _)| (place.start, place.end));
        let (mut segments, mut end) = (Vec::with_capacity(2 * edits.len() + 1), 0);
        for (place, value) in edits {
            segments.extend([self.slice(end..place.start), value.into()]);
            end = place.end;
        }
        segments.push(self.slice(end..self.body.len()));
        segments.retain(|segment| !segment.is_empty());
        segments
    }

    /// Returns a slice of the body, which shares its memory; an empty one out of range.
    fn slice(&self, range: Range<usize>) -> Bytes {
        self.body.get(range).map(|slice| self.body.slice_ref(slice)).unwrap_or_default()
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

#[cfg(test)]
mod tests;
