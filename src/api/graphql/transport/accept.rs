//! Content negotiation: the `Accept` header.

use std::cmp::Reverse;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Maximum number of media ranges that are parsed.
const MAX_RANGES: usize = 50;

/// Returns the media type that the client prefers (RFC 9110, section 12.5.1): by quality, then by the more specific
/// range, then by the order of the ranges. Returns the first type for a client that accepts any; `None` if it accepts
/// none.
pub(super) fn preferred<'m>(headers: &HeaderMap, offered: &[&'m str]) -> Option<&'m str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> =
        values.flat_map(|value| value.split(',')).filter_map(MediaRange::parse).take(MAX_RANGES).collect();
    if ranges.is_empty() {
        return offered.first().copied();
    }
    let rated = offered.iter().filter_map(|media| {
        // The most specific range decides, even if it excludes the type.
        let named =
            ranges.iter().enumerate().filter_map(|(position, range)| Some((range.exactness(media)?, position, range)));
        let (exactness, position, range) =
            named.max_by_key(|(exactness, position, _)| (*exactness, Reverse(*position)))?;
        (range.quality > 0).then_some(((range.quality, exactness, Reverse(position)), *media))
    });
    // The first one wins a tie.
    rated.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, media)| media)
}

/// A media range of an `Accept` header.
struct MediaRange {
    /// Such as `application/json`, `text/*` or `*/*`, in lowercase.
    media: String,
    /// The quality value, in thousandths.
    quality: u16,
}

impl MediaRange {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media = parts.next().filter(|media| !media.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
        Some(Self { media, quality: (quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16 })
    }

    /// Returns how specifically the range matches a media type; `None` if it does not match.
    fn exactness(&self, media: &str) -> Option<u8> {
        let all_of_kind = self.media.strip_suffix('*').filter(|kind| kind.len() > 2);
        match self.media.as_str() {
            own if own == media => Some(2),
            _ if all_of_kind.is_some_and(|kind| media.starts_with(kind)) => Some(1),
            "*/*" | "*" => Some(0),
            _ => None,
        }
    }
}
