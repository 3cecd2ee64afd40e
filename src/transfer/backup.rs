//! `jeton backup` and `jeton restore`: an SQLite database as one file, made while the server runs. PostgreSQL has its own
//! programs for that.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use super::draft::{Draft, about, directory, there};
use super::schema::{self, Refused, STATISTICS, connect, texts};
use super::snapshot::Snapshot;
use super::{check_complete, complete, id_sequence};
use crate::core::clock::Clock;
use crate::core::error::{Code, Error};
use crate::core::{input_file, private_files};
use crate::infra::db::Db;

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Writes the database as it is at this moment into a new file, which gets its name when it is whole and on the disk.
///
/// # Errors
/// INVALID_INPUT on PostgreSQL, with what to do instead, and where the schema is not Jeton's; CONFLICT where there is such
/// a file, or what SQLite would take for a part of it; INTERNAL where it can't be written.
pub async fn backup(db: &Db, file: &Path) -> Result<u64, Error> {
    if db.read().get_database_backend() != DbBackend::Sqlite {
        let message = format!(
            "PostgreSQL is backed up by its own program: pg_dump --format=custom --file={} DATABASE",
            file.display()
        );
        return Err(Error::new(Code::InvalidInput, message));
    }
    if file.exists() {
        return Err(there(file));
    }
    check_alone(file, Code::Conflict)?;
    let draft = Draft::new(file)?;
    // Reads in one transaction, and so holds up nobody who writes.
    let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [text(draft.path())?.into()]);
    db.read().execute_raw(vacuum).await?;
    check_file(draft.path(), file).await?;
    draft.place(file)
}

/// Puts the database of a backup into place. Where there is one already it is kept under another name, which is told.
///
/// The file is copied first, and only the copy is read, as a database that is not trusted: by its schema, which is the
/// one that the migrations make, by SQLite's own checks, by the type of every value, and by the ledger.
///
/// # Errors
/// INVALID_INPUT where the file is no whole database of this or an earlier version, has another schema, or its balances
/// disagree with its ledger; CONFLICT where there is a database and `replace` is not set, or somebody has it open; INTERNAL
/// where files can't be written.
pub async fn restore(file: &Path, target: &Path, replace: bool, kept_as: &str) -> Result<Option<PathBuf>, Error> {
    if target.exists() && !replace {
        let message =
            format!("there is a database already: {}; --replace keeps it under another name", target.display());
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
    // Without the permissions of the backup, which others may be allowed to read.
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

/// Checks that nothing lies beside the file that SQLite would take for a part of the database, and that somebody else may
/// have put there. A backup is one file.
fn check_alone(file: &Path, code: Code) -> Result<(), Error> {
    let parts = private_files::of_database(file);
    let Some(part) = parts.iter().skip(1).find(|part| part.symlink_metadata().is_ok()) else { return Ok(()) };
    let message = format!(
        "{} lies beside {}: SQLite would take it for a part of that database, and a backup is one file; move it away, or \
         make a new backup with `jeton backup`",
        part.display(),
        file.display()
    );
    Err(Error::new(code, message))
}

/// Whether a copy is a whole database that this program can read. Errors name the file that it is a copy of.
async fn check_file(copy: &Path, file: &Path) -> Result<(), Error> {
    let unreadable = |error: DbErr| wrong(file, "it can't be read as an SQLite database").with_source(error);
    let path = copy.to_owned();
    let options = move || {
        // No function that has effects runs from its schema, and pages are checked as they are read.
        let untrusted = [("trusted_schema", "OFF"), ("cell_size_check", "ON")];
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
        untrusted.into_iter().fold(options, |options, (pragma, value)| options.pragma(pragma, value))
    };
    let db = connect(options).await.map_err(unreadable)?;
    let checked = check_content(&db).await;
    db.close().await?;
    checked.map_err(|refused| match refused {
        Refused::Wrong(why) => wrong(file, &why),
        Refused::Unreadable(error) => unreadable(error),
    })
}

/// The schema comes first: the other checks evaluate expressions that it holds.
async fn check_content(db: &DatabaseConnection) -> Result<(), Refused> {
    schema::check(db).await?;
    let found = texts(db, "PRAGMA integrity_check(1)").await?;
    if found != ["ok"] {
        return Err(Refused::Wrong(format!("the database is broken: {}", found.join(" "))));
    }
    match texts(db, "PRAGMA foreign_key_check").await?.first() {
        Some(table) => Err(Refused::Wrong(format!("rows of {table} refer to rows that are not there"))),
        None => Ok(()),
    }
}

/// Brings a copy to the schema of this program, and checks all that is in it. What belonged to the servers of the database
/// that it came from is ended.
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
    // What lies beside the file until then goes into it.
    db.close().await?;
    checked
}

/// Renames a database that nobody has open; its new name.
async fn set_aside(target: &Path, kept_as: &str) -> Result<PathBuf, Error> {
    // It keeps its permissions under the other name, and is opened by nothing that looks at them.
    for part in private_files::of_database(target) {
        private_files::repair(&part).map_err(|error| about(&part, error))?;
    }
    let path = target.to_owned();
    let options = move || SqliteConnectOptions::new().filename(&path).busy_timeout(Duration::from_secs(1));
    // Leaving the write-ahead log needs the database for oneself alone, and puts everything into the one file.
    match connect(options).await {
        Ok(db) => {
            let left = db.execute_unprepared("PRAGMA journal_mode = DELETE").await;
            db.close().await?;
            if left.is_err_and(|error| error.to_string().contains("locked")) {
                let message = format!("{} is open: stop the server, and restore again", target.display());
                return Err(Error::new(Code::Conflict, message));
            }
        }
        // A file that can't be opened as a database is put aside all the same.
        Err(error) => tracing::warn!(?error, "the database to be replaced can't be opened"),
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
    // Nothing of it may stay beside the new one, which SQLite would take it for a part of.
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
    path.to_str().map(str::to_owned).ok_or_else(|| Error::internal("the name of the file is no UTF-8"))
}
