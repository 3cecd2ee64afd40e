//! Reads a JSON value in one pass, without building it in memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A reader of texts, lists and objects; all other values are ignored.
pub(super) trait JsonReader: Sized {
    /// Reads a string.
    fn text(self, text: &str);

    /// Reads a list, to its end.
    fn list<'de, A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error>;

    /// Reads an object, to its end.
    fn object<'de, A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error>;
}

/// Reads a JSON value.
///
/// # Errors
/// If the value can't be read, such as too much nesting.
pub(super) fn read(reader: impl JsonReader, json: &str) -> serde_json::Result<()> {
    Reading(reader).deserialize(&mut serde_json::Deserializer::from_str(json))
}

/// The visitor of a reader, and the seed of a value within a list or an object.
pub(super) struct Reading<R>(pub(super) R);

impl<'de, R: JsonReader> DeserializeSeed<'de> for Reading<R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: JsonReader> Visitor<'de> for Reading<R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        self.0.object(object)
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
