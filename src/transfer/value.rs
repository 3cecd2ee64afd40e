//! The values of rows, in one representation for both databases and for export files, and the checksum of a table by
//! which source and target are compared.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, Utc};
use sea_orm::{DbErr, QueryResult};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Bytes,
    Integer,
    Text,
    Time,
}

impl Kind {
    /// Returns the kind of a declared type, as SQLite and PostgreSQL name it; `None` for types that the migrations do
    /// not use.
    pub(super) fn of(declared: &str) -> Option<Self> {
        Some(match declared.to_ascii_lowercase().as_str() {
            "boolean" => Kind::Boolean,
            "blob" | "bytea" => Kind::Bytes,
            "bigint" | "integer" | "smallint" => Kind::Integer,
            "text" | "varchar" | "character varying" => Kind::Text,
            "timestamp_with_timezone_text" | "timestamp with time zone" => Kind::Time,
            _ => return None,
        })
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null(Kind),
    Boolean(bool),
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
    Time(DateTime<Utc>),
}

impl Value {
    /// Reads the value of a row at an index. Times are truncated to microseconds, the precision of PostgreSQL.
    ///
    /// # Errors
    /// If the value has another type, or a time is outside the years 1 to 9999.
    pub(super) fn read(row: &QueryResult, at: usize, kind: Kind) -> Result<Self, DbErr> {
        let read = match kind {
            Kind::Boolean => row.try_get_by_index::<Option<bool>>(at)?.map(Value::Boolean),
            Kind::Bytes => row.try_get_by_index::<Option<Vec<u8>>>(at)?.map(Value::Bytes),
            Kind::Integer => row.try_get_by_index::<Option<i64>>(at)?.map(Value::Integer),
            Kind::Text => row.try_get_by_index::<Option<String>>(at)?.map(Value::Text),
            Kind::Time => {
                let time = row.try_get_by_index::<Option<DateTime<Utc>>>(at)?;
                // Neither an export file nor the other database could represent other years.
                if time.is_some_and(|time| !(1..=9999).contains(&time.year())) {
                    return Err(DbErr::Type("a time is outside the years 1 to 9999".to_owned()));
                }
                time.map(|time| Value::Time(time.trunc_subsecs(6)))
            }
        };
        Ok(read.unwrap_or(Value::Null(kind)))
    }

    /// Returns the value as a query parameter.
    pub(super) fn value(&self) -> sea_orm::Value {
        match self {
            Value::Null(Kind::Boolean) => None::<bool>.into(),
            Value::Null(Kind::Bytes) => None::<Vec<u8>>.into(),
            Value::Null(Kind::Integer) => None::<i64>.into(),
            Value::Null(Kind::Text) => None::<String>.into(),
            Value::Null(Kind::Time) => None::<DateTime<Utc>>.into(),
            Value::Boolean(value) => (*value).into(),
            Value::Bytes(value) => value.clone().into(),
            Value::Integer(value) => (*value).into(),
            Value::Text(value) => value.clone().into(),
            Value::Time(value) => (*value).into(),
        }
    }

    /// Returns the value as export files contain it: bytes in Base64, times by RFC 3339 with microseconds.
    pub(super) fn json(&self) -> Json {
        match self {
            Value::Null(_) => Json::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Bytes(value) => STANDARD.encode(value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Text(value) => value.clone().into(),
            Value::Time(value) => value.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        }
    }

    /// Parses a value of an export file; `None` if it is not of this kind.
    pub(super) fn of_json(json: Json, kind: Kind) -> Option<Self> {
        Some(match (kind, json) {
            (_, Json::Null) => Value::Null(kind),
            (Kind::Boolean, Json::Bool(value)) => Value::Boolean(value),
            (Kind::Bytes, Json::String(value)) => Value::Bytes(STANDARD.decode(value).ok()?),
            (Kind::Integer, Json::Number(value)) => Value::Integer(value.as_i64()?),
            (Kind::Text, Json::String(value)) => Value::Text(value),
            (Kind::Time, Json::String(value)) => {
                Value::Time(DateTime::parse_from_rfc3339(&value).ok()?.to_utc().trunc_subsecs(6))
            }
            _ => return None,
        })
    }

    /// Returns the approximate size in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Value::Bytes(value) => value.len(),
            Value::Text(value) => value.len(),
            _ => 8,
        }
    }

    fn feed(&self, hash: &mut Sha256) {
        // Kind and length come first, so that the encoding of rows is unambiguous.
        let (kind, bytes) = match self {
            Value::Null(_) => (b'0', Vec::new()),
            Value::Boolean(value) => (b'?', vec![u8::from(*value)]),
            Value::Bytes(value) => (b'b', value.clone()),
            Value::Integer(value) => (b'i', value.to_be_bytes().to_vec()),
            Value::Text(value) => (b't', value.as_bytes().to_vec()),
            Value::Time(value) => (b'@', value.timestamp_micros().to_be_bytes().to_vec()),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
}

/// A row: its values in the order of the table's columns.
pub(super) type Row = Vec<Value>;

/// The row count and checksum of a table. The checksum is the sum of the rows' SHA-256 hashes and so independent of
/// their order, since the two databases sort texts differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableChecksum {
    /// The number of rows.
    pub rows: u64,
    hashes: [u64; 4],
}

impl TableChecksum {
    pub(super) fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        row.iter().for_each(|cell| cell.feed(&mut hash));
        self.rows += 1;
        let hash = hash.finalize();
        for (sum, part) in self.hashes.iter_mut().zip(hash.chunks_exact(8)) {
            let part = part.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }

    /// Returns the sum of the hashes, in hexadecimal.
    pub fn checksum(&self) -> String {
        self.hashes.iter().map(|part| format!("{part:016x}")).collect()
    }
}

#[cfg(test)]
mod tests;
