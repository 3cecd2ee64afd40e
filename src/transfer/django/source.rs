//! The database of the Django application, opened for reading only. Everything is read in one transaction, so it may serve
//! on meanwhile.

use std::path::Path;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sea_orm::sqlx::{self, Decode, Row, Sqlite, TypeInfo, ValueRef};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseTransaction, DbBackend, QueryResult, Statement, TransactionTrait,
};

use super::value::Raw;
use crate::error::{Code, Error};

/// The columns that are read of each table, its id first.
const TABLES: [(&str, &[&str]); 2] = [
    (
        USERS,
        &["id", "username", "password", "tokens", "is_active", "is_staff", "is_superuser", "date_joined", "last_login"],
    ),
    (CHATS, &["id", "user_id", "message", "response", "timestamp"]),
];

pub(super) const USERS: &str = "chat_user";
pub(super) const CHATS: &str = "chat_chat";

/// Longest name of a source, in characters.
const MAX_NAME_CHARS: usize = 60;

/// An open database.
pub(super) struct Source {
    txn: DatabaseTransaction,
    file: String,
}

/// A row: its place, and its values in the order of [`TABLES`].
pub(super) struct SourceRow<const COLUMNS: usize> {
    pub(super) place: i64,
    pub(super) values: [Raw; COLUMNS],
}

impl Source {
    /// Opens the file and looks whether it is whole, and what is meant.
    ///
    /// # Errors
    /// INVALID_INPUT that names the file and what is wrong with it.
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        if let Err(error) = std::fs::File::open(path) {
            return Err(Error::new(Code::InvalidInput, format!("cannot open {file}")).with_source(error));
        }
        let txn = match begin(path, false).await {
            // A directory that can't be written to: SQLite would need a file beside it to share the reading with others.
            Err(_) if !path.with_file_name(beside(path, "-wal")).exists() => begin(path, true).await,
            begun => begun,
        };
        let source = Self { txn: txn.map_err(|error| unreadable(&file, error))?, file };
        source.check().await?;
        Ok(source)
    }

    async fn check(&self) -> Result<(), Error> {
        let found = self.text("PRAGMA quick_check(1)", []).await?;
        if found.as_deref() != Some("ok") {
            let message = format!("{} is a broken database: {}", self.file, found.unwrap_or_default());
            return Err(Error::new(Code::InvalidInput, message));
        }
        for (table, columns) in TABLES {
            let there = "SELECT group_concat(name, ',') FROM pragma_table_info($1)";
            let there = self.text(there, [table.into()]).await?.unwrap_or_default();
            let there: Vec<_> = there.split(',').collect();
            if let Some(missing) = columns.iter().find(|column| !there.contains(column)) {
                let what = if there == [""] { format!("no table {table}") } else { format!("no {table}.{missing}") };
                let message = format!("{} is no database of the Django application: there is {what}", self.file);
                return Err(Error::new(Code::InvalidInput, message));
            }
        }
        Ok(())
    }

    /// What tells this database from another one of the same application: when its first migration was applied.
    pub(super) async fn name(&self) -> Result<String, Error> {
        let has = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'django_migrations'";
        if self.text(has, []).await?.is_none() {
            return Ok("django".to_owned());
        }
        let first = self.text("SELECT CAST(min(applied) AS text) FROM django_migrations", []).await?;
        let first = first.unwrap_or_default().replace('\0', "");
        Ok(format!("django {}", first.chars().take(MAX_NAME_CHARS).collect::<String>()).trim().to_owned())
    }

    /// How many rows a table has.
    pub(super) async fn count(&self, table: &str) -> Result<u64, Error> {
        Ok(self.number(&format!("SELECT count(*) FROM {table}")).await?.try_into().unwrap_or(0))
    }

    /// The largest id of a table that is not larger than `most`; 0 where there is none.
    pub(super) async fn largest_id(&self, table: &str, most: i64) -> Result<i64, Error> {
        self.number(&format!("SELECT coalesce(max(id), 0) FROM {table} WHERE typeof(id) = 'integer' AND id <= {most}"))
            .await
    }

    /// The next rows of a table behind a place, in the order of their places.
    pub(super) async fn rows<const COLUMNS: usize>(
        &self,
        table: &str,
        after: i64,
        most: u64,
    ) -> Result<Vec<SourceRow<COLUMNS>>, Error> {
        let columns = TABLES.iter().find(|(name, _)| *name == table).map(|(_, columns)| columns.join(", "));
        let columns = columns.unwrap_or_default();
        let sql = format!("SELECT rowid, {columns} FROM {table} WHERE rowid > {after} ORDER BY rowid LIMIT {most}");
        let rows = self.txn.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await;
        rows.map_err(|error| unreadable(&self.file, error))?
            .iter()
            .map(|row| read(row).map_err(|error| unreadable(&self.file, error)))
            .collect()
    }

    async fn text(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Result<Option<String>, Error> {
        let row = self.txn.query_one_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await;
        let text = row.and_then(|row| row.map(|row| row.try_get_by_index::<Option<String>>(0)).transpose());
        Ok(text.map_err(|error| unreadable(&self.file, error))?.flatten())
    }

    async fn number(&self, sql: &str) -> Result<i64, Error> {
        let row = self.txn.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await;
        let number = row.and_then(|row| row.map_or(Ok(0), |row| row.try_get_by_index(0)));
        number.map_err(|error| unreadable(&self.file, error))
    }
}

fn beside(path: &Path, ending: &str) -> std::ffi::OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    name
}

fn unreadable(file: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::InvalidInput, format!("{file} can't be read as an SQLite database")).with_source(error)
}

async fn begin(path: &Path, immutable: bool) -> Result<DatabaseTransaction, sea_orm::DbErr> {
    let mut options = ConnectOptions::new("sqlite:");
    let path = path.to_owned();
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |_| {
        SqliteConnectOptions::new().filename(&path).read_only(true).immutable(immutable)
    });
    let txn = Database::connect(options).await?.begin().await?;
    // The snapshot begins with the first reading.
    txn.execute_unprepared("SELECT count(*) FROM sqlite_master").await?;
    Ok(txn)
}

fn read<const COLUMNS: usize>(row: &QueryResult) -> Result<SourceRow<COLUMNS>, sqlx::Error> {
    let row = row.try_as_sqlite_row().ok_or(sqlx::Error::RowNotFound)?;
    let mut values = [const { Raw::Null }; COLUMNS];
    for (at, value) in values.iter_mut().enumerate() {
        *value = raw(row, at + 1)?;
    }
    Ok(SourceRow { place: row.try_get(0)?, values })
}

/// A value of whichever type SQLite has stored, which the declared type of the column does not decide.
fn raw(row: &SqliteRow, at: usize) -> Result<Raw, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Raw::Null);
    }
    let kind = value.type_info().name().to_owned();
    let failed = sqlx::Error::Decode;
    Ok(match kind.as_str() {
        "INTEGER" => Raw::Integer(Decode::<Sqlite>::decode(value).map_err(failed)?),
        "REAL" => Raw::Real(Decode::<Sqlite>::decode(value).map_err(failed)?),
        _ => {
            let bytes: Vec<u8> = Decode::<Sqlite>::decode(value).map_err(failed)?;
            match String::from_utf8(bytes) {
                Ok(text) if kind == "TEXT" => Raw::Text(text),
                Ok(text) => Raw::Blob(text.into_bytes()),
                Err(error) => Raw::Blob(error.into_bytes()),
            }
        }
    })
}
