//! Texts as WTF-8, which can encode unpaired surrogates: a surrogate pair may be split between two events.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// Returns the text of a JSON string as WTF-8, which can encode unpaired surrogates; `None` for any other value.
pub(super) fn wtf8(json: &str) -> Option<Vec<u8>> {
    struct Bytes(Vec<u8>);
    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Read;
            impl Visitor<'_> for Read {
                type Value = Vec<u8>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a string")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                    Ok(bytes.to_vec())
                }
            }
            deserializer.deserialize_bytes(Read).map(Bytes)
        }
    }
    json.starts_with('"').then(|| serde_json::from_str(json).map(|Bytes(bytes)| bytes).ok())?
}

/// Returns whether these bytes are a surrogate in WTF-8.
fn is_half(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xA0..=0xBF, _])
}

/// Decodes WTF-8 that is received in chunks: surrogate pairs are joined, unpaired ones replaced.
#[derive(Default)]
pub(super) struct Halves(Vec<u8>);

impl Halves {
    pub(super) fn push(&mut self, part: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.is_empty()
            && let Ok(text) = std::str::from_utf8(part)
        {
            return text.to_owned();
        }
        bytes.extend_from_slice(part);
        let (mut units, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some(place) = rest.windows(3).position(is_half) {
            let (text, after) = rest.split_at(place);
            units.extend(String::from_utf8_lossy(text).encode_utf16());
            let (half, after) = after.split_at(3);
            if after.is_empty() && half.get(1).is_some_and(|byte| *byte < 0xB0) {
                // The other surrogate may be in the next chunk.
                self.0 = half.to_vec();
            } else if let [_, middle, last] = half {
                units.push(0xD000 | u16::from(middle & 0x3F) << 6 | u16::from(last & 0x3F));
            }
            rest = after;
        }
        units.extend(String::from_utf8_lossy(rest).encode_utf16());
        String::from_utf16_lossy(&units)
    }

    /// Returns the replacement of an unpaired surrogate at the end.
    pub(super) fn rest(&mut self) -> &'static str {
        if std::mem::take(&mut self.0).is_empty() { "" } else { "\u{fffd}" }
    }
}
