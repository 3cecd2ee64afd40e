//! Collects the generated texts of a response, from values of any shape, and bounds the elements that are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::infra::ai::json_visitor::{self, JsonReader, Reading};
use crate::infra::ai::string;

/// The maximum number of list elements in a response that are read; no call leads to more.
const MAX_ELEMENTS: usize = 1000;

/// Members that are labels, not generated text.
pub(super) const LABELS: [&str; 6] = ["role", "type", "id", "index", "format", "signature"];
/// Members whose value counts as a whole, with its names and numbers, if it is not a string.
const ARGUMENTS: [&str; 4] = ["arguments", "input", "args", "parameters"];

/// Collects the texts in a value, except labels. No other value is built.
pub(super) struct Texts<'s>(pub(super) &'s mut String);

impl Texts<'_> {
    /// Collects the texts of a JSON value.
    ///
    /// # Errors
    /// If the value can't be read, such as too much nesting.
    pub(super) fn read(self, json: &str) -> serde_json::Result<()> {
        json_visitor::read(self, json)
    }
}

impl JsonReader for Texts<'_> {
    fn text(self, text: &str) {
        self.0.push_str(text);
    }

    fn list<'de, A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Reading(Texts(self.0)))?.is_some() {}
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<String>()? {
            if LABELS.contains(&name.as_str()) {
                object.next_value::<IgnoredAny>()?;
            } else if ARGUMENTS.contains(&name.as_str()) {
                let value: Box<RawValue> = object.next_value()?;
                match string(value.get()) {
                    Some(text) => self.0.push_str(&text),
                    None => self.0.push_str(value.get()),
                }
            } else {
                object.next_value_seed(Reading(Texts(self.0)))?;
            }
        }
        Ok(())
    }
}

/// The first elements of a list.
#[derive(Debug, PartialEq)]
pub(super) struct First<T>(pub(super) Vec<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut first = Vec::new();
                while first.len() < MAX_ELEMENTS {
                    let Some(element) = list.next_element()? else { return Ok(first) };
                    first.push(element);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests;
