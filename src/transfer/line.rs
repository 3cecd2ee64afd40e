//! The line types of an export, for writing and for reading. An export is untrusted input: parsing a line takes little
//! more memory than its bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

/// The name of the format.
pub(super) const FORMAT: &str = "jeton";
/// The version of the format, incremented when older files can no longer be read.
pub(super) const VERSION: u32 = 1;
/// Maximum length of a line in bytes; rows are far shorter.
pub(super) const MAX_LINE: u64 = 256 << 20;
/// Maximum length of the first and the last line in bytes, which name all tables and columns.
pub(super) const MAX_HEAD: u64 = 1 << 20;
/// Maximum number of columns of a row; more than any table has.
const MAX_COLUMNS: usize = 200;

/// The first line: format, version, and the tables that follow.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) tables: BTreeMap<String, HeadTable>,
}

/// The entry of a table in the first line.
#[derive(Serialize, Deserialize)]
pub(super) struct HeadTable {
    pub(super) rows: u64,
    pub(super) columns: Vec<String>,
}

/// A line after the first, for writing: a row, or the end.
#[derive(Serialize)]
pub(super) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) row: Option<Map<String, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<End>,
}

/// The last line: row counts, checksums and id sequences.
#[derive(Serialize, Deserialize)]
pub(super) struct End {
    pub(super) tables: BTreeMap<String, EndTable>,
    /// The highest id that each table has assigned.
    pub(super) sequences: BTreeMap<String, i64>,
}

/// The entry of a table in the last line.
#[derive(Serialize, Deserialize)]
pub(super) struct EndTable {
    pub(super) rows: u64,
    pub(super) checksum: String,
}

impl End {
    /// Parses the last line, which is short; or returns what is wrong with it.
    pub(super) fn parse(text: &RawValue) -> Result<Self, String> {
        if text.get().len() as u64 > MAX_HEAD {
            return Err(format!("it is longer than {MAX_HEAD} bytes"));
        }
        serde_json::from_str(text.get()).map_err(|error| error.to_string())
    }
}

/// A line after the first, for reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadLine<'a> {
    #[serde(default)]
    pub(super) table: Option<String>,
    #[serde(default)]
    pub(super) row: Option<Cells>,
    #[serde(borrow, default)]
    pub(super) end: Option<&'a RawValue>,
}

/// The values of a row by column: texts, numbers, booleans and null. Nested values are rejected, since they could take
/// many times the memory of their bytes.
pub(super) struct Cells(pub(super) Map<String, Json>);

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CellsVisitor)
    }
}

struct CellsVisitor;

impl<'de> Visitor<'de> for CellsVisitor {
    type Value = Cells;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
        let mut cells = Map::new();
        while let Some((name, Scalar(value))) = map.next_entry::<String, Scalar>()? {
            if cells.len() == MAX_COLUMNS {
                return Err(A::Error::custom(format!("more than {MAX_COLUMNS} columns")));
            }
            if cells.insert(name, value).is_some() {
                return Err(A::Error::custom("a column occurs twice"));
            }
        }
        Ok(Cells(cells))
    }
}

struct Scalar(Json);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar(Json::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar(value.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_plain_values_and_no_more_columns_than_tables_have() {
        let read = |text: &str| serde_json::from_str::<ReadLine<'_>>(text).map(drop).map_err(|error| error.to_string());
        let row = |row: &str| format!(r#"{{"table":"user","row":{row}}}"#);
        assert_eq!(read(&row(r#"{"a":1,"b":-1,"c":1.5,"d":"\u001b","e":null,"f":true}"#)), Ok(()));
        for (text, wrong) in [
            (row(r#"{"a":[[[0]]]}"#), "expected a text"),
            (row(r#"{"a":{"b":0}}"#), "expected a text"),
            (row(r#"{"a":1,"a":1}"#), "occurs twice"),
            (row("[]"), "expected a row"),
            (
                row(&format!("{{{}}}", (0..201).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(","))),
                "more than 200",
            ),
            (r#"{"table":"user","table":"user"}"#.to_owned(), "duplicate field"),
        ] {
            assert!(read(&text).unwrap_err().contains(wrong), "{text}");
        }
        let long = format!(r#"{{"end":{{"tables":{{}},"sequences":{{}},"x":"{}"}}}}"#, "x".repeat(1 << 20));
        let line: ReadLine<'_> = serde_json::from_str(&long).unwrap();
        assert!(End::parse(line.end.unwrap()).is_err_and(|why| why.contains("longer than")));
    }
}
