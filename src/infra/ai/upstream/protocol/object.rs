//! A JSON object of a response: each member is read separately, so that one of an unexpected type does not hide the
//! others.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::infra::ai::upstream::texts::{First, Texts};
use crate::infra::ai::upstream::wtf8::wtf8;
use crate::infra::ai::{members, string};

/// An object, borrowed from its text.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads an object; `None` for any other value.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        members(json).ok()?.map(Self)
    }

    /// Returns the JSON of a member; `None` if it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get());
        found.filter(|json| *json != "null")
    }

    /// Returns a member that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.get(name)?)
    }

    /// Returns the first elements of a member that is a list; none for any other value.
    pub(super) fn list(&self, name: &str) -> Vec<&'a RawValue> {
        let list = self.get(name).and_then(|json| serde_json::from_str(json).ok());
        list.map(|First(elements)| elements).unwrap_or_default()
    }

    /// Returns a member that is a string; an empty one for any other value.
    pub(super) fn string(&self, name: &str) -> Cow<'a, str> {
        self.get(name).and_then(string).unwrap_or_default()
    }

    /// Returns a string of the output as WTF-8; an empty one for any other value.
    pub(super) fn text(&self, name: &str) -> Vec<u8> {
        self.get(name).and_then(wtf8).unwrap_or_default()
    }

    /// Returns whether a member is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Returns a count; `None` if it is missing, negative or no number.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        let json = self.get(name)?;
        let whole = || json.parse::<f64>().ok().filter(|number| *number >= 0.0).map(|number| number.ceil() as u64);
        json.parse().ok().or_else(whole)
    }
}

/// Returns the texts of a value, such as a call of a tool; an unreadable one as its JSON.
pub(super) fn texts(json: &str) -> String {
    let mut text = String::new();
    match Texts(&mut text).read(json) {
        Ok(()) => text,
        Err(_) => json.to_owned(),
    }
}
