//! Backup and restore of an SQLite database as one file (`jeton backup`, `jeton restore`); a backup can be taken while
//! the server runs. A backup is untrusted input: it is restored only after its schema, its values and its ledger were
//! checked. PostgreSQL has its own tools for that, which the errors name.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use super::draft::{Draft, about, directory, there};
use super::schema::{self, Rejection, STATISTICS, connect, texts};
use super::snapshot::Snapshot;
use super::{check_complete, complete, id_sequence};
use crate::core::clock::Clock;
use crate::core::error::{Code, Error};
use crate::core::{input_file, private_files};
use crate::infra::db::Db;

/// The header of every SQLite database file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Writes a snapshot of the database into a new file, which gets its name once it is complete and synced to disk.
/// Returns its size in bytes.
///
/// # Errors
/// INVALID_INPUT on PostgreSQL, with the command to use instead, and if the schema is not Jeton's; CONFLICT if the file
/// exists, or a file that SQLite would treat as part of it; INTERNAL if it can't be written.
pub async fn backup(db: &Db, file: &Path) -> Result<u64, Error> {
    if db.read().get_database_backend() != DbBackend::Sqlite {
        let message = format!(
            "PostgreSQL is backed up with its own tool: pg_dump --format=custom --file={} DATABASE",
            file.display()
        );
        return Err(Error::new(Code::InvalidInput, message));
    }
    if file.exists() {
        return Err(there(file));
    }
    check_alone(file, Code::Conflict)?;
    let draft = Draft::new(file)?;
    // VACUUM INTO reads in one transaction, so it does not block writers.
    let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [text(draft.path())?.into()]);
    db.read().execute_raw(vacuum).await?;
    check_file(draft.path(), file).await?;
    draft.place(file)
}

/// Restores the database of a backup. An existing database is kept under another name, which is returned.
///
/// The file is copied first, and only the copy is opened, as an untrusted database. It is checked against the schema
/// that the migrations create, by SQLite's integrity checks, by the type of every value, and by the ledger.
///
/// # Errors
/// INVALID_INPUT if the file is not a complete database of this or an earlier version, has another schema, or its
/// balances disagree with its ledger; CONFLICT if a database exists and `replace` is not set, or a process has it open;
/// INTERNAL if files can't be written.
pub async fn restore(file: &Path, target: &Path, replace: bool, kept_as: &str) -> Result<Option<PathBuf>, Error> {
    if target.exists() && !replace {
        let message = format!("a database already exists: {}; --replace keeps it under another name", target.display());
        return Err(Error::new(Code::Conflict, message));
    }
    check_alone(file, Code::InvalidInput)?;
    if !target.exists() {
        check_alone(target, Code::Conflict)?;
    }
    let cannot = |error| wrong(file, "it can't be opened").with_source(error);
    let mut source = input_file::open(file).map_err(cannot)?;
    let mut beginning = Vec::new();
    (&mut source).take(MAGIC.len() as u64).read_to_end(&mut beginning).map_err(cannot)?;
    // An empty file is an empty database.
    if !beginning.is_empty() && beginning != MAGIC {
        return Err(wrong(file, "it can't be read as an SQLite database"));
    }
    let directory = directory(target);
    private_files::create_dir(directory).map_err(|error| about(directory, error))?;
    let draft = Draft::new(target)?;
    // Copied without the permissions of the backup, which other users may be allowed to read.
    let copied = std::io::copy(&mut beginning.as_slice().chain(source), &mut draft.as_file());
    copied.map_err(|error| about(draft.path(), error))?;
    check_file(draft.path(), file).await?;
    take_over(&draft).await.map_err(|error| {
        let named = Error::new(Code::InvalidInput, format!("{}: {}", file.display(), error.message));
        if error.source.is_some() { named.with_source(error) } else { named }
    })?;
    let before = if target.exists() { Some(set_aside(target, kept_as).await?) } else { None };
    draft.place(target)?;
    Ok(before)
}

/// Checks that there are no files next to this one (`-wal`, `-shm`, `-journal`) that SQLite would treat as part of the
/// database, and that another user may have placed there. A backup is a single file.
fn check_alone(file: &Path, code: Code) -> Result<(), Error> {
    let parts = private_files::of_database(file);
    let Some(part) = parts.iter().skip(1).find(|part| part.symlink_metadata().is_ok()) else { return Ok(()) };
    let message = format!(
        "{} exists next to {}: SQLite would treat it as part of that database, and a backup is one file; move it away, \
         or create a new backup with `jeton backup`",
        part.display(),
        file.display()
    );
    Err(Error::new(code, message))
}

/// Checks that a copy is a complete database that this version can read. Errors name the original file.
async fn check_file(copy: &Path, file: &Path) -> Result<(), Error> {
    let unreadable = |error: DbErr| wrong(file, "it can't be read as an SQLite database").with_source(error);
    let path = copy.to_owned();
    let options = move || {
        // Its schema can't run functions with side effects, and pages are checked as they are read.
        let untrusted = [("trusted_schema", "OFF"), ("cell_size_check", "ON")];
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
        untrusted.into_iter().fold(options, |options, (pragma, value)| options.pragma(pragma, value))
    };
    let db = connect(options).await.map_err(unreadable)?;
    let checked = check_content(&db).await;
    db.close().await?;
    checked.map_err(|rejection| match rejection {
        Rejection::Wrong(why) => wrong(file, &why),
        Rejection::Unreadable(error) => unreadable(error),
    })
}

/// Checks the schema first: the other checks evaluate expressions that it contains.
async fn check_content(db: &DatabaseConnection) -> Result<(), Rejection> {
    schema::check(db).await?;
    let found = texts(db, "PRAGMA integrity_check(1)").await?;
    if found != ["ok"] {
        return Err(Rejection::Wrong(format!("the database is corrupt: {}", found.join(" "))));
    }
    match texts(db, "PRAGMA foreign_key_check").await?.first() {
        Some(table) => Err(Rejection::Wrong(format!("rows of {table} refer to missing rows"))),
        None => Ok(()),
    }
}

/// Migrates a copy to the current schema, and checks all its content. State of the servers that used the original
/// (heartbeats, jobs, leases) is ended.
async fn take_over(draft: &Draft) -> Result<(), Error> {
    let db = Db::connect(&format!("sqlite://{}", text(draft.path())?), 2).await?;
    let checked = async {
        for (table, _) in STATISTICS {
            db.read().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        db.migrate().await?;
        check_complete(&db).await?;
        let snapshot = Snapshot::begin(&db).await?;
        // Reads every value by the type of its column.
        snapshot.sums("checking", &|_| {}).await?;
        let sequences = snapshot.sequences().await?;
        drop(snapshot);
        db.write((sequences, Clock::system().now()), |txn, (sequences, now)| {
            Box::pin(async move {
                id_sequence::raise_all(txn, sequences).await?;
                complete::end_servers(txn, *now).await
            })
        })
        .await?;
        complete::check(&db).await
    };
    let checked = checked.await;
    // Closing checkpoints the write-ahead log into the file.
    db.close().await?;
    checked
}

/// Renames a database that no process has open. Returns its new name.
///
/// # Errors
/// CONFLICT if a process has it open, or the new name is taken; INTERNAL if a file can't be renamed.
async fn set_aside(target: &Path, kept_as: &str) -> Result<PathBuf, Error> {
    // Nothing checks its permissions once it has its new name, so they are repaired here.
    for part in private_files::of_database(target) {
        private_files::repair(&part).map_err(|error| about(&part, error))?;
    }
    let path = target.to_owned();
    let options = move || SqliteConnectOptions::new().filename(&path).busy_timeout(Duration::from_secs(1));
    // Leaving WAL mode needs exclusive access to the database, and moves all its content into the one file.
    match connect(options).await {
        Ok(db) => {
            let left = db.execute_unprepared("PRAGMA journal_mode = DELETE").await;
            db.close().await?;
            if left.is_err_and(|error| error.to_string().contains("locked")) {
                let message = format!("{} is in use: stop the server, and retry", target.display());
                return Err(Error::new(Code::Conflict, message));
            }
        }
        // A file that can't be opened as a database is renamed all the same.
        Err(error) => tracing::warn!(?error, "restore failed to open the database to be replaced"),
    }
    let beside = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let kept = beside(target, &format!(".{kept_as}"));
    if kept.exists() {
        return Err(there(&kept));
    }
    // No file of it may remain next to the new database: SQLite would treat it as part of that one.
    for ending in ["-wal", "-shm", "-journal", ""] {
        let (from, to) = (beside(target, ending), beside(&kept, ending));
        if from.symlink_metadata().is_ok() {
            fs::rename(&from, &to).map_err(|error| about(&from, error))?;
        }
    }
    Ok(kept)
}

fn wrong(file: &Path, why: &str) -> Error {
    Error::new(Code::InvalidInput, format!("{}: {why}", file.display()))
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::internal("the file name is not UTF-8"))
}
