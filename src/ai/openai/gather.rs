//! What of an answer has to be gathered before it can be passed on: an event, or an answer in one piece.
//!
//! Each answer may gather a little at any time. What grows larger needs one of a few places, for which it waits, and its
//! upstream with it; the place belongs to the bytes until they have been sent. Whoever has a place waits for nobody else, so
//! that all get theirs in the end.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::body::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that each answer may gather without a place.
pub(super) const FREE: usize = 256 << 10;
/// Places for those that gather more.
const PLACES: usize = 3;
/// Elements of a list in an answer that are read; no call brings about so many.
const MAX_ELEMENTS: usize = 1000;

/// The places for large answers. Clones are the same ones.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

/// A place, or none yet.
#[derive(Default)]
pub(super) struct Place(Option<OwnedSemaphorePermit>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

impl Places {
    /// Waits for a place, where there is none yet and so many bytes need one.
    pub(super) async fn take(&self, place: &mut Place, bytes: usize) {
        if bytes > FREE && place.0.is_none() {
            // Never closed.
            place.0 = self.0.clone().acquire_owned().await.ok();
        }
    }
}

impl Place {
    /// Bytes that keep the place until the last copy of them is dropped.
    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> Bytes {
        match self.0.take() {
            Some(place) => Bytes::from_owner(Placed { bytes, _place: place }),
            None => bytes.into(),
        }
    }
}

struct Placed {
    bytes: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A text of an answer; anything else counts as none, and nothing is made of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnlyText).map(Self)
    }
}

struct OnlyText;

impl<'de> Visitor<'de> for OnlyText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<String, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(String::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(String::new())
    }

    fn visit_bool<E>(self, _: bool) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_i64<E>(self, _: i64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_u64<E>(self, _: u64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_f64<E>(self, _: f64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
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
    fn nothing_is_made_of_what_is_no_text_or_too_many() {
        for (json, text) in [("\"a\\u0062\"", "ab"), ("[[],{}]", ""), ("{\"a\":1}", ""), ("null", ""), ("1.5", "")] {
            assert_eq!(serde_json::from_str::<Text>(json).unwrap(), Text(text.to_owned()), "{json}");
        }
        let many = format!("[{}]", vec!["\"x\""; 5000].join(","));
        assert_eq!(serde_json::from_str::<First<Text>>(&many).unwrap().0.len(), MAX_ELEMENTS);
        assert!(serde_json::from_str::<First<Text>>("{}").is_err());
    }

    #[tokio::test]
    async fn a_place_belongs_to_the_bytes_until_they_are_gone() {
        let places = Places::default();
        let mut small = Place::default();
        places.take(&mut small, FREE).await;
        assert!(small.0.is_none());
        let mut held = Vec::new();
        for _ in 0..PLACES {
            let mut place = Place::default();
            places.take(&mut place, FREE + 1).await;
            held.push(place.bytes(vec![0; 4]));
        }
        let mut waiting = Place::default();
        {
            let mut next = std::pin::pin!(places.take(&mut waiting, FREE + 1));
            assert!(poll!(next.as_mut()).is_pending());
            let part = held.pop().unwrap().slice(1..2);
            assert!(poll!(next.as_mut()).is_pending(), "a part of it is there");
            drop(part);
            next.await;
        }
        assert!(waiting.0.is_some());
    }
}
