//! `jeton backup` and `jeton restore`: an SQLite database as one file, made while the server runs. PostgreSQL has its own
//! programs for that.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use migration::MigratorTrait;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};
use tempfile::NamedTempFile;

use super::check_complete;
use crate::db::Db;
use crate::error::{Code, Error};
use crate::ledger;
use crate::private_files;

/// Writes the database as it is at this moment into a new file, which gets its name when it is whole and on the disk.
///
/// # Errors
/// INVALID_INPUT on PostgreSQL, with what to do instead; CONFLICT where there is such a file; INTERNAL where it can't be
/// written.
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
    let draft = draft(file)?;
    // Reads in one transaction, and so holds up nobody who writes.
    let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [text(draft.path())?.into()]);
    db.read().execute_raw(vacuum).await?;
    check_file(draft.path()).await?;
    place(draft, file)
}

/// Puts the database of a backup into place. Where there is one already it is kept under another name, which is told.
///
/// # Errors
/// INVALID_INPUT where the file is no whole database of this or an earlier version, or its balances disagree with its
/// ledger; CONFLICT where there is a database and `replace` is not set, or somebody has it open; INTERNAL where files can't
/// be written.
pub async fn restore(file: &Path, target: &Path, replace: bool, kept_as: &str) -> Result<Option<PathBuf>, Error> {
    if target.exists() && !replace {
        let message =
            format!("there is a database already: {}; --replace keeps it under another name", target.display());
        return Err(Error::new(Code::Conflict, message));
    }
    check_file(file).await?;
    let directory = directory(target);
    private_files::create_dir(directory).map_err(|error| about(directory, error))?;
    let draft = draft(target)?;
    // Without the permissions of the backup, which others may be allowed to read.
    let copied = File::open(file).and_then(|mut backup| std::io::copy(&mut backup, &mut draft.as_file()));
    copied.map_err(|error| about(draft.path(), error))?;
    check_money(&draft, file).await?;
    let before = if target.exists() { Some(set_aside(target, kept_as).await?) } else { None };
    place(draft, target)?;
    Ok(before)
}

/// Whether a file is a whole database that this program can read.
async fn check_file(file: &Path) -> Result<(), Error> {
    let wrong = |why: String| Error::new(Code::InvalidInput, format!("{}: {why}", file.display()));
    File::open(file).map_err(|error| wrong("it can't be opened".to_owned()).with_source(error))?;
    let unreadable = |error: DbErr| wrong("it can't be read as an SQLite database".to_owned()).with_source(error);
    let path = file.to_owned();
    let read_only = move || SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
    let db = connect(read_only).await.map_err(unreadable)?;
    let found = texts(&db, "PRAGMA integrity_check(1)").await.map_err(unreadable)?;
    if found != ["ok"] {
        return Err(wrong(format!("the database is broken: {}", found.join(" "))));
    }
    let steps = texts(&db, "SELECT version FROM seaql_migrations").await;
    let steps = steps.map_err(|error| wrong("it is no database of Jeton".to_owned()).with_source(error))?;
    let known: Vec<_> = migration::Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    if let Some(newer) = steps.iter().find(|step| !known.contains(step)) {
        return Err(wrong(format!("it was made by a newer version of Jeton, which has {newer}")));
    }
    db.close().await?;
    Ok(())
}

/// Whether every balance agrees with the ledger, once the schema is that of this program.
async fn check_money(draft: &NamedTempFile, file: &Path) -> Result<(), Error> {
    let db = Db::connect(&format!("sqlite://{}", text(draft.path())?), 2).await?;
    let findings = async {
        db.migrate().await?;
        check_complete(&db).await?;
        ledger::verify(&db).await
    };
    let findings = findings.await;
    // What lies beside the file until then goes into it.
    db.close().await?;
    let findings = findings?;
    let Some(first) = findings.first() else { return Ok(()) };
    let message = format!("{}: {} balances or chats disagree with the ledger: {first}", file.display(), findings.len());
    Err(Error::new(Code::InvalidInput, message))
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
    for ending in ["-wal", "-shm", ""] {
        let (from, to) = (beside(target, ending), beside(&kept, ending));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| about(&from, error))?;
        }
    }
    Ok(kept)
}

async fn connect(
    options: impl Fn() -> SqliteConnectOptions + Send + Sync + 'static,
) -> Result<DatabaseConnection, DbErr> {
    let mut connecting = ConnectOptions::new("sqlite:");
    connecting.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |_| options());
    Database::connect(connecting).await
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Result<Vec<String>, DbErr> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// A file beside the one that is to be, so that it can be renamed into place. Only its owner may read it.
pub(super) fn draft(file: &Path) -> Result<NamedTempFile, Error> {
    let directory = directory(file);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".jeton-").suffix(".draft").tempfile_in(directory).map_err(|error| about(directory, error))
}

/// Puts a draft into place where nothing is; its size in bytes.
pub(super) fn place(draft: NamedTempFile, file: &Path) -> Result<u64, Error> {
    let size = (|| {
        draft.as_file().sync_all()?;
        draft.as_file().metadata()
    })();
    let size = size.map_err(|error| about(file, error))?.len();
    draft.persist_noclobber(file).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => there(file),
        _ => about(file, error.error),
    })?;
    // The name is durable once its directory is.
    #[cfg(unix)]
    {
        let directory = directory(file);
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| about(directory, error))?;
    }
    Ok(size)
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Something is there that is not overwritten.
pub(super) fn there(file: &Path) -> Error {
    Error::new(Code::Conflict, format!("{} is there already, and is not overwritten", file.display()))
}

fn about(path: &Path, error: std::io::Error) -> Error {
    Error::new(Code::Internal, format!("cannot write {}", path.display())).with_source(error)
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::internal("the name of the file is no UTF-8"))
}
