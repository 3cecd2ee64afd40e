//! Imports of databases of the Django application.

use std::path::Path;

use jeton::core::error::Code;
use jeton::transfer;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};

use super::{Harness, TIMEOUT};

impl Harness {
    /// Import of a database of the Django application: an SQLite file; or a line for each row, `user` or `chat` and
    /// then its columns, each after a tab: `'` before a text, `x` before bytes, a plain number; anything else is NULL.
    /// In texts `%` is replaced by the number of the import, for names that are not yet taken.
    pub fn django(&mut self, data: &[u8]) {
        self.imports += 1;
        let file = self.data.path().join("django.sqlite3");
        if data.starts_with(b"SQLite format 3\0") {
            std::fs::write(&file, data).unwrap();
        } else {
            self.runtime.block_on(write_django(&file, self.imports, data));
        }
        let app = &self.app;
        let import = |write| {
            let imported = async { transfer::django::import(app, &file, write, &|_| {}).await };
            match self
                .runtime
                .block_on(async { tokio::time::timeout(TIMEOUT, imported).await })
                .expect("an end in time")
            {
                Ok(report) => {
                    for counts in [report.users, report.chats] {
                        assert_eq!(counts.in_file, counts.imported + counts.known + counts.left_out, "{report:?}");
                    }
                    Some(report)
                }
                Err(error) => {
                    assert_eq!(error.code, Code::InvalidInput, "{error:?}");
                    None
                }
            }
        };
        if let (Some(planned), Some(done), Some(again)) = (import(false), import(true), import(true)) {
            assert_eq!((planned.users, planned.chats), (done.users, done.chats), "a dry run reports the import");
            assert_eq!((again.users.imported, again.chats.imported), (0, 0), "a repeated import adds nothing");
        }
        std::fs::remove_file(&file).unwrap();
    }
}

/// Creates a database like the Django application's. `number` is the time of its first migration, which names the
/// source.
async fn write_django(file: &Path, number: u32, rows: &[u8]) {
    const TABLES: &str = "
        CREATE TABLE django_migrations (applied);
        CREATE TABLE chat_user (id integer PRIMARY KEY, username, password, tokens, is_active, is_staff, is_superuser,
            date_joined, last_login);
        CREATE TABLE chat_chat (id integer PRIMARY KEY, user_id, message, response, timestamp)";
    let mut options = ConnectOptions::new("sqlite:");
    let name = file.to_owned();
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| options.filename(&name).create_if_missing(true));
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared(TABLES).await.unwrap();
    db.execute_unprepared(&format!("INSERT INTO django_migrations VALUES ({number})")).await.unwrap();
    for row in rows.split(|byte| *byte == b'\n') {
        let mut cells = row.split(|byte| *byte == b'\t');
        let (table, columns) = match cells.next() {
            Some(b"user") => ("chat_user", 9),
            Some(b"chat") => ("chat_chat", 5),
            _ => continue,
        };
        let values: Vec<_> =
            cells.map(Some).chain(std::iter::repeat(None)).take(columns).map(|cell| literal(cell, number)).collect();
        // A duplicate or non-integer id is already rejected here.
        db.execute_unprepared(&format!("INSERT INTO {table} VALUES ({})", values.join(", "))).await.ok();
    }
    db.close().await.unwrap();
}

/// Returns a cell as an SQL literal.
fn literal(cell: Option<&[u8]>, number: u32) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match cell {
        Some([b'\'', text @ ..]) => {
            let text: Vec<_> = text.split(|byte| *byte == b'%').collect();
            format!("CAST(x'{}' AS text)", hex(&text.join(number.to_string().as_bytes())))
        }
        Some([b'x', bytes @ ..]) => format!("x'{}'", hex(bytes)),
        Some(text) => match str::from_utf8(text).map(str::parse::<f64>) {
            Ok(Ok(value)) if value.is_finite() => String::from_utf8_lossy(text).into_owned(),
            _ => "NULL".to_owned(),
        },
        None => "NULL".to_owned(),
    }
}
