//! Values of SQLite columns, converted independently of the declared type: numbers may be text, times may have no
//! fraction, and anything may be missing. Conversions do not fail; they return `None` for a value that can't be
//! converted.

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, Utc};

/// A value as SQLite stores it.
#[derive(Clone, Debug, PartialEq)]
pub enum SqliteValue {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes, or a text that is not valid UTF-8.
    Blob(Vec<u8>),
}

impl SqliteValue {
    /// Returns the value as an integer.
    pub fn integer(&self) -> Option<i64> {
        match self {
            SqliteValue::Integer(number) => Some(*number),
            // Doubles represent integers exactly up to 2^53.
            SqliteValue::Real(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
                Some(*number as i64)
            }
            SqliteValue::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns the value as a boolean.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            SqliteValue::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            SqliteValue::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            other => match other.integer() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
        }
    }

    /// Returns the value as text. Null characters, which PostgreSQL can't store, are replaced by U+FFFD, as everywhere
    /// in Jeton.
    pub fn text(&self) -> Option<String> {
        let text = match self {
            SqliteValue::Text(text) => text.clone(),
            SqliteValue::Integer(number) => number.to_string(),
            SqliteValue::Real(number) => number.to_string(),
            SqliteValue::Null | SqliteValue::Blob(_) => return None,
        };
        Some(text.replace('\0', "\u{fffd}"))
    }

    /// Returns the value as a time in Django's format: UTC, `2025-08-17 09:24:00` with or without a fraction; also with
    /// a `T` or an offset. Truncated to microseconds; years 1000 to 9999.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        let SqliteValue::Text(text) = self else { return None };
        let text = text.trim();
        let naive = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let time = match naive {
            Some(naive) => naive.and_utc(),
            None => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
        };
        (1000..=9999).contains(&time.year()).then(|| time.trunc_subsecs(6))
    }

    /// Returns whether the value is NULL.
    pub fn is_null(&self) -> bool {
        *self == SqliteValue::Null
    }
}

#[cfg(test)]
mod tests;
