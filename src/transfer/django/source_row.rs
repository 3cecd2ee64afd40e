//! A row of the source, with the values as they are stored.

use sea_orm::QueryResult;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, Decode, Row, Sqlite, TypeInfo, ValueRef};

use super::value::SqliteValue;

/// A row: its rowid, and its values in the order of the columns that are read.
pub(super) struct SourceRow<const COLUMNS: usize> {
    pub(super) place: i64,
    pub(super) values: [SqliteValue; COLUMNS],
}

/// Reads a row whose first column is the rowid.
pub(super) fn read<const COLUMNS: usize>(row: &QueryResult) -> Result<SourceRow<COLUMNS>, sqlx::Error> {
    let row = row.try_as_sqlite_row().ok_or(sqlx::Error::RowNotFound)?;
    let mut values = [const { SqliteValue::Null }; COLUMNS];
    for (at, value) in values.iter_mut().enumerate() {
        *value = raw(row, at + 1)?;
    }
    Ok(SourceRow { place: row.try_get(0)?, values })
}

/// Reads a value by its stored type (SQLite's storage class), which may differ from the declared type of the column.
fn raw(row: &SqliteRow, at: usize) -> Result<SqliteValue, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(SqliteValue::Null);
    }
    let kind = value.type_info().name().to_owned();
    let failed = sqlx::Error::Decode;
    Ok(match kind.as_str() {
        "INTEGER" => SqliteValue::Integer(Decode::<Sqlite>::decode(value).map_err(failed)?),
        "REAL" => SqliteValue::Real(Decode::<Sqlite>::decode(value).map_err(failed)?),
        _ => {
            let bytes: Vec<u8> = Decode::<Sqlite>::decode(value).map_err(failed)?;
            match String::from_utf8(bytes) {
                Ok(text) if kind == "TEXT" => SqliteValue::Text(text),
                Ok(text) => SqliteValue::Blob(text.into_bytes()),
                Err(error) => SqliteValue::Blob(error.into_bytes()),
            }
        }
    })
}
