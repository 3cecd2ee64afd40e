//! The values of rows, in one form for both databases and for files: what is compared at the end is this.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, Utc};
use sea_orm::{DbErr, QueryResult};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Bytes,
    Integer,
    Text,
    Time,
}

impl Kind {
    /// By the type that the migrations have declared, as SQLite and PostgreSQL name it.
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

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null(Kind),
    Boolean(bool),
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
    Time(DateTime<Utc>),
}

impl Cell {
    /// The value of a row at this place. Times are in whole microseconds, which is what PostgreSQL stores.
    pub(super) fn read(row: &QueryResult, at: usize, kind: Kind) -> Result<Self, DbErr> {
        let read = match kind {
            Kind::Boolean => row.try_get_by_index::<Option<bool>>(at)?.map(Cell::Boolean),
            Kind::Bytes => row.try_get_by_index::<Option<Vec<u8>>>(at)?.map(Cell::Bytes),
            Kind::Integer => row.try_get_by_index::<Option<i64>>(at)?.map(Cell::Integer),
            Kind::Text => row.try_get_by_index::<Option<String>>(at)?.map(Cell::Text),
            Kind::Time => {
                let time = row.try_get_by_index::<Option<DateTime<Utc>>>(at)?;
                // Years that no file and no other database could hold.
                if time.is_some_and(|time| !(1..=9999).contains(&time.year())) {
                    return Err(DbErr::Type("a time is outside the years 1 to 9999".to_owned()));
                }
                time.map(|time| Cell::Time(time.trunc_subsecs(6)))
            }
        };
        Ok(read.unwrap_or(Cell::Null(kind)))
    }

    /// As a query takes it.
    pub(super) fn value(&self) -> sea_orm::Value {
        match self {
            Cell::Null(Kind::Boolean) => None::<bool>.into(),
            Cell::Null(Kind::Bytes) => None::<Vec<u8>>.into(),
            Cell::Null(Kind::Integer) => None::<i64>.into(),
            Cell::Null(Kind::Text) => None::<String>.into(),
            Cell::Null(Kind::Time) => None::<DateTime<Utc>>.into(),
            Cell::Boolean(value) => (*value).into(),
            Cell::Bytes(value) => value.clone().into(),
            Cell::Integer(value) => (*value).into(),
            Cell::Text(value) => value.clone().into(),
            Cell::Time(value) => (*value).into(),
        }
    }

    /// As a file has it: bytes in Base64, times by RFC 3339 with microseconds.
    pub(super) fn json(&self) -> Json {
        match self {
            Cell::Null(_) => Json::Null,
            Cell::Boolean(value) => (*value).into(),
            Cell::Bytes(value) => STANDARD.encode(value).into(),
            Cell::Integer(value) => (*value).into(),
            Cell::Text(value) => value.clone().into(),
            Cell::Time(value) => value.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        }
    }

    /// From a file; none where it is no value of this kind.
    pub(super) fn of_json(json: Json, kind: Kind) -> Option<Self> {
        Some(match (kind, json) {
            (_, Json::Null) => Cell::Null(kind),
            (Kind::Boolean, Json::Bool(value)) => Cell::Boolean(value),
            (Kind::Bytes, Json::String(value)) => Cell::Bytes(STANDARD.decode(value).ok()?),
            (Kind::Integer, Json::Number(value)) => Cell::Integer(value.as_i64()?),
            (Kind::Text, Json::String(value)) => Cell::Text(value),
            (Kind::Time, Json::String(value)) => {
                Cell::Time(DateTime::parse_from_rfc3339(&value).ok()?.to_utc().trunc_subsecs(6))
            }
            _ => return None,
        })
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Cell::Bytes(value) => value.len(),
            Cell::Text(value) => value.len(),
            _ => 8,
        }
    }

    fn feed(&self, hash: &mut Sha256) {
        // The kind and the length come first, so that no two rows are fed the same bytes.
        let (kind, bytes) = match self {
            Cell::Null(_) => (b'0', Vec::new()),
            Cell::Boolean(value) => (b'?', vec![u8::from(*value)]),
            Cell::Bytes(value) => (b'b', value.clone()),
            Cell::Integer(value) => (b'i', value.to_be_bytes().to_vec()),
            Cell::Text(value) => (b't', value.as_bytes().to_vec()),
            Cell::Time(value) => (b'@', value.timestamp_micros().to_be_bytes().to_vec()),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
}

/// A row, in the order of its table's columns.
pub(super) type Row = Vec<Cell>;

/// How many rows, and the sum of their hashes, which does not depend on their order: the two databases sort texts
/// differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    hashes: [u64; 4],
}

impl Sum {
    pub(super) fn add(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        row.iter().for_each(|cell| cell.feed(&mut hash));
        self.rows += 1;
        let hash = hash.finalize();
        for (sum, part) in self.hashes.iter_mut().zip(hash.chunks_exact(8)) {
            let part = part.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }

    /// The sum of the hashes, in hexadecimal.
    pub fn checksum(&self) -> String {
        self.hashes.iter().map(|part| format!("{part:016x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        vec![
            Cell::Integer(i64::MAX),
            Cell::Integer((1 << 53) + 1),
            Cell::Text("a\u{1}\u{2028}\"😀".to_owned()),
            Cell::Bytes(vec![0, 0xff]),
            Cell::Boolean(true),
            Cell::Time(DateTime::from_timestamp_micros(1_755_422_640_123_456).unwrap()),
            Cell::Null(Kind::Text),
        ]
    }

    #[test]
    fn files_carry_every_value_exactly() {
        let kinds = [Kind::Integer, Kind::Integer, Kind::Text, Kind::Bytes, Kind::Boolean, Kind::Time, Kind::Text];
        for (cell, kind) in row().into_iter().zip(kinds) {
            let text = serde_json::to_string(&cell.json()).unwrap();
            assert_eq!(Cell::of_json(serde_json::from_str(&text).unwrap(), kind), Some(cell), "{text}");
        }
        for (text, kind) in [
            ("1.5", Kind::Integer),
            ("9223372036854775808", Kind::Integer),
            ("\"1\"", Kind::Integer),
            ("1", Kind::Text),
            ("1", Kind::Boolean),
            ("\"now\"", Kind::Time),
            ("\"??\"", Kind::Bytes),
            ("[]", Kind::Text),
        ] {
            assert_eq!(Cell::of_json(serde_json::from_str(text).unwrap(), kind), None, "{text}");
        }
    }

    #[test]
    fn sums_see_every_change_but_not_the_order() {
        let other = vec![Cell::Text("b".to_owned())];
        let sum = |rows: &[&Row]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        assert_eq!(sum(&[&row(), &other]), sum(&[&other, &row()]));
        assert_ne!(sum(&[&row(), &row()]).checksum(), sum(&[]).checksum());
        for at in 0..row().len() {
            let mut changed = row();
            changed[at] = Cell::Text("changed".to_owned());
            assert_ne!(sum(&[&changed]).checksum(), sum(&[&row()]).checksum(), "{at}");
        }
        let split = |texts: [&str; 2]| sum(&[&texts.map(|text| Cell::Text(text.to_owned())).to_vec()]);
        assert_ne!(split(["ab", "c"]), split(["a", "bc"]));
    }
}
