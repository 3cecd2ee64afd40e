//! Bounds the memory of buffered responses: an event, or a whole response, is buffered before it is passed on.
//!
//! Each response may buffer a little without a permit. A larger one needs one of a few permits, for which it waits, and
//! its upstream with it; the permit belongs to the bytes until they have been sent. The holder of a permit waits for no
//! other, so there is no deadlock.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::infra::ai::string;

/// The number of bytes that each response may buffer without a permit.
pub(super) const FREE: usize = 256 << 10;
/// The number of permits for larger responses.
const LARGE_ANSWERS: usize = 3;
/// The maximum number of list elements in a response that are read; no call leads to more.
const MAX_ELEMENTS: usize = 1000;

/// The permits for large responses. Clones share them.
#[derive(Clone)]
pub(super) struct LargeAnswers(Arc<Semaphore>);

/// A permit, or `None` until it is needed.
#[derive(Default)]
pub(super) struct LargeAnswer(Option<OwnedSemaphorePermit>);

impl Default for LargeAnswers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_ANSWERS)))
    }
}

impl LargeAnswers {
    /// Waits for a permit, if there is none yet and this number of bytes needs one.
    pub(super) async fn take(&self, permit: &mut LargeAnswer, bytes: usize) {
        if bytes > FREE && permit.0.is_none() {
            // The semaphore is never closed.
            permit.0 = self.0.clone().acquire_owned().await.ok();
        }
    }
}

impl LargeAnswer {
    /// Wraps bytes so that the permit is released when their last copy is dropped.
    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> Bytes {
        match self.0.take() {
            Some(permit) => Bytes::from_owner(Permitted { bytes, _permit: permit }),
            None => bytes.into(),
        }
    }
}

struct Permitted {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Permitted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

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
        self.deserialize(&mut serde_json::Deserializer::from_str(json))
    }
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Texts(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
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
                object.next_value_seed(Texts(self.0))?;
            }
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
mod tests {
    use futures::poll;

    use super::*;

    #[test]
    fn all_texts_but_labels_are_collected_and_nothing_is_made_of_the_rest() {
        for (json, text) in [
            ("\"a\\u0062\"", "ab"),
            ("[[],{},\"x\",1,-1,1.5,true,null]", "x"),
            ("{\"role\":\"r\",\"content\":[{\"type\":\"t\",\"text\":\"x\"}],\"why\":{\"content\":\"y\"}}", "xy"),
            ("{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}", "f{\"a\":1}"),
            ("{\"arguments\":\"{}\"}", "{}"),
            ("null", ""),
        ] {
            let mut into = String::new();
            Texts(&mut into).read(json).unwrap();
            assert_eq!(into, text, "{json}");
        }
        let nested = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(Texts(&mut String::new()).read(&nested).is_err());
    }

    #[test]
    fn of_a_long_list_the_first_elements_are_read() {
        let many = format!("[{}]", vec!["\"x\""; 5000].join(","));
        assert_eq!(serde_json::from_str::<First<String>>(&many).unwrap().0.len(), MAX_ELEMENTS);
        assert!(serde_json::from_str::<First<String>>("{}").is_err());
    }

    #[tokio::test]
    async fn a_permit_belongs_to_the_bytes_until_they_are_gone() {
        let permits = LargeAnswers::default();
        let mut small = LargeAnswer::default();
        permits.take(&mut small, FREE).await;
        assert!(small.0.is_none());
        let mut held = Vec::new();
        for _ in 0..LARGE_ANSWERS {
            let mut permit = LargeAnswer::default();
            permits.take(&mut permit, FREE + 1).await;
            held.push(permit.bytes(vec![0; 4]));
        }
        let mut waiting = LargeAnswer::default();
        {
            let mut next = std::pin::pin!(permits.take(&mut waiting, FREE + 1));
            assert!(poll!(next.as_mut()).is_pending());
            let part = held.pop().unwrap().slice(1..2);
            assert!(poll!(next.as_mut()).is_pending(), "a slice of it is not dropped");
            drop(part);
            next.await;
        }
        assert!(waiting.0.is_some());
    }
}
