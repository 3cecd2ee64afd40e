//! The database of the Django application, opened read-only as untrusted input. All reads are in one transaction, so
//! the application can keep running.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};

use super::source_row::{SourceRow, read};
use crate::core::error::{Code, Error};
use crate::core::{input_file, private_files};

/// The columns that are read from each table, the id first.
const TABLES: [(&str, &[&str]); 2] = [
    (
        USERS,
        &["id", "username", "password", "tokens", "is_active", "is_staff", "is_superuser", "date_joined", "last_login"],
    ),
    (CHATS, &["id", "user_id", "message", "response", "timestamp"]),
];

pub(super) const USERS: &str = "chat_user";
pub(super) const CHATS: &str = "chat_chat";

/// Maximum size of a value in bytes; a larger one is read as null.
pub(super) const MAX_VALUE_BYTES: u64 = 16 << 20;
/// Maximum size of a batch of rows in bytes; a batch has at least one row.
const BATCH_BYTES: i64 = 4 << 20;
/// Timeout of one statement; the integrity check of the whole file takes the longest.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Maximum length of a source name in characters.
const MAX_NAME_CHARS: usize = 60;

/// An open source database.
pub(super) struct Source {
    txn: DatabaseTransaction,
    file: String,
    statement_timeout: Duration,
}

impl Source {
    /// Opens the file and checks that it is intact and has the expected tables.
    ///
    /// # Errors
    /// INVALID_INPUT that names the file and what is wrong with it.
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        // SQLite opens its side files (`-wal`, `-shm`, `-journal`), too.
        let parts = private_files::of_database(path).into_iter().skip(1).filter(|part| part.symlink_metadata().is_ok());
        for part in std::iter::once(path.to_owned()).chain(parts) {
            if let Err(error) = input_file::open(&part) {
                let message = format!("cannot open {}", part.display());
                return Err(Error::new(Code::InvalidInput, message).with_source(error));
            }
        }
        let txn = match begin(path, false).await {
            // In a read-only directory SQLite can't create the side file that it needs for concurrent readers.
            Err(_) if !path.with_file_name(beside(path, "-wal")).exists() => begin(path, true).await,
            begun => begun,
        };
        let txn = txn.map_err(|error| unreadable(&file, error))?;
        let source = Self { txn, file, statement_timeout: STATEMENT_TIMEOUT };
        source.check().await?;
        Ok(source)
    }

    /// Checks the tables first: a view or virtual table could run forever, or take unbounded memory.
    async fn check(&self) -> Result<(), Error> {
        for (table, columns) in TABLES {
            self.check_table(table, columns).await?;
        }
        let found = self.text("PRAGMA quick_check(1)", []).await?;
        if found.as_deref() != Some("ok") {
            let message = format!("{} is a corrupt database: {}", self.file, found.unwrap_or_default());
            return Err(Error::new(Code::InvalidInput, message));
        }
        Ok(())
    }

    async fn check_table(&self, table: &str, columns: &[&str]) -> Result<(), Error> {
        let wrong = |what: String| {
            let message = format!("{} is not a database of the Django application: {what}", self.file);
            Error::new(Code::InvalidInput, message)
        };
        match self.kind(table).await?.as_deref() {
            Some("table") => {}
            Some(other) => return Err(wrong(format!("{table} is a {other}, not a table"))),
            None => return Err(wrong(format!("there is no table {table}"))),
        }
        // Generated columns are hidden.
        let there = "SELECT group_concat(name, ',') FROM pragma_table_xinfo($1) WHERE hidden = 0";
        let there = self.text(there, [table.into()]).await?.unwrap_or_default();
        let there: Vec<_> = there.split(',').collect();
        match columns.iter().find(|column| !there.contains(column)) {
            Some(missing) => Err(wrong(format!("there is no {table}.{missing}"))),
            None => Ok(()),
        }
    }

    /// Returns the type of the object with this name: `table`, `view`, `virtual` or `shadow`.
    async fn kind(&self, name: &str) -> Result<Option<String>, Error> {
        self.text("SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = $1", [name.into()]).await
    }

    /// Returns the name that distinguishes this database from others of the same application: when its first migration
    /// was applied.
    pub(super) async fn name(&self) -> Result<String, Error> {
        if self.kind("django_migrations").await?.as_deref() != Some("table") {
            return Ok("django".to_owned());
        }
        let first = "SELECT substr(CAST(min(applied) AS text), 1, 200) FROM django_migrations";
        let first = self.text(first, []).await?;
        let first = first.unwrap_or_default().replace('\0', "");
        Ok(format!("django {}", first.chars().take(MAX_NAME_CHARS).collect::<String>()).trim().to_owned())
    }

    /// Returns the number of rows of a table.
    pub(super) async fn count(&self, table: &str) -> Result<u64, Error> {
        Ok(self.number(&format!("SELECT count(*) FROM {table}")).await?.try_into().unwrap_or(0))
    }

    /// Returns the largest id of a table that is at most `most`; 0 if there is none.
    pub(super) async fn largest_id(&self, table: &str, most: i64) -> Result<i64, Error> {
        self.number(&format!("SELECT coalesce(max(id), 0) FROM {table} WHERE typeof(id) = 'integer' AND id <= {most}"))
            .await
    }

    /// Returns the next rows of a table after a rowid, in the order of rowids: at most `most`, and at most
    /// [`BATCH_BYTES`] unless one row is larger. Values larger than [`MAX_VALUE_BYTES`] are null.
    pub(super) async fn rows<const COLUMNS: usize>(
        &self,
        table: &str,
        after: i64,
        most: u64,
    ) -> Result<Vec<SourceRow<COLUMNS>>, Error> {
        let columns = TABLES.iter().find(|(name, _)| *name == table).map_or(&[] as &[_], |(_, columns)| columns);
        let Some(last) = self.last_of_batch(table, columns, after, most).await? else { return Ok(Vec::new()) };
        let bounded = |column: &&str| format!("iif(octet_length({column}) > {MAX_VALUE_BYTES}, NULL, {column})");
        let bounded = columns.iter().map(bounded).collect::<Vec<_>>().join(", ");
        let sql =
            format!("SELECT rowid, {bounded} FROM {table} WHERE rowid > {after} AND rowid <= {last} ORDER BY rowid");
        let rows = self.within_time(self.txn.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql))).await?;
        rows.iter().map(|row| read(row).map_err(|error| unreadable(&self.file, error))).collect()
    }

    /// Returns the rowid of the last row of the next batch; `None` if there are no more rows. SQLite returns the length
    /// of a value without reading it.
    async fn last_of_batch(&self, table: &str, columns: &[&str], after: i64, most: u64) -> Result<Option<i64>, Error> {
        let length = |column: &&str| {
            format!("iif(octet_length({column}) > {MAX_VALUE_BYTES}, 0, coalesce(octet_length({column}), 0))")
        };
        let length = columns.iter().map(length).collect::<Vec<_>>().join(" + ");
        let sql = format!("SELECT rowid, {length} FROM {table} WHERE rowid > {after} ORDER BY rowid LIMIT {most}");
        let rows = self.within_time(self.txn.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql))).await?;
        let (mut last, mut bytes) = (None, 0_i64);
        for row in rows {
            let (place, length): (i64, i64) =
                row.try_get_many_by_index().map_err(|error| unreadable(&self.file, error))?;
            bytes = bytes.saturating_add(length);
            if last.is_some() && bytes > BATCH_BYTES {
                break;
            }
            last = Some(place);
        }
        Ok(last)
    }

    async fn text(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Result<Option<String>, Error> {
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        let row = self.within_time(self.txn.query_one_raw(statement)).await?;
        let text = row.map(|row| row.try_get_by_index::<Option<String>>(0)).transpose();
        Ok(text.map_err(|error| unreadable(&self.file, error))?.flatten())
    }

    async fn number(&self, sql: &str) -> Result<i64, Error> {
        let row = self.within_time(self.txn.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql))).await?;
        let number = row.map_or(Ok(0), |row| row.try_get_by_index(0));
        number.map_err(|error| unreadable(&self.file, error))
    }

    async fn within_time<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, Error> {
        match tokio::time::timeout(self.statement_timeout, statement).await {
            Ok(done) => done.map_err(|error| unreadable(&self.file, error)),
            Err(_) => {
                let message = format!("{}: reading it took longer than {:?}", self.file, self.statement_timeout);
                Err(Error::new(Code::InvalidInput, message))
            }
        }
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

async fn begin(path: &Path, immutable: bool) -> Result<DatabaseTransaction, DbErr> {
    let mut options = ConnectOptions::new("sqlite:");
    let path = path.to_owned();
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |_| {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(immutable);
        options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON")
    });
    let txn = Database::connect(options).await?.begin().await?;
    // The snapshot begins with the first read.
    txn.execute_unprepared("SELECT count(*) FROM sqlite_master").await?;
    Ok(txn)
}

#[cfg(test)]
mod tests;
