//! The database: connections for reading, and [`Db::write`], the only door to a write transaction.
//!
//! Domain code cannot tell the two databases apart. On PostgreSQL `write` is an ordinary transaction, run again after a
//! serialization failure or a deadlock. On SQLite, which has one writer, the transactions that wait are committed
//! together (see [`writer`]). What many callers want at once is done by a few statements for all (see [`together`]).

mod batcher;
pub mod bulk;
mod sqlite_writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use migration::MigratorTrait;
use prometheus_client::metrics::histogram::Histogram;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{Connection, PgConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    Statement, TransactionTrait,
};

use self::batcher::BatchQueues;
pub use self::batcher::{BatchJob, BatchResult};
use crate::core::error::{Code, Error, code_of};
use crate::core::private_files;

/// A write transaction, as jobs see it.
pub type Txn = DatabaseTransaction;

/// How long is waited for a connection, where nothing else is said.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a last try to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a PostgreSQL transaction is run again after losing against another.
const MAX_RUNS: u32 = 10;

/// The database. Clones share their connections.
#[derive(Clone)]
pub struct Db {
    readers: DatabaseConnection,
    writer: Option<sqlite_writer::SqliteWriter>,
    lanes: BatchQueues,
    /// The last transaction found the database away, or unable to take anything.
    troubled: Arc<AtomicBool>,
    batches: Histogram,
}

/// How busy the database is.
#[derive(Clone, Copy, Debug)]
pub struct PoolStats {
    /// Connections of the pool (of readers, on SQLite) that somebody has.
    pub used: usize,
    /// Those that wait to be used.
    pub idle: usize,
    /// Jobs that wait for SQLite's writer; nothing on PostgreSQL.
    pub waiting: Option<usize>,
}

impl Db {
    /// Connects as [`Db::connect_within`] the usual time.
    ///
    /// # Errors
    /// As [`Db::connect_within`].
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, Error> {
        Self::connect_within(url, max_connections, RETRY_TIMEOUT).await
    }

    /// Connects; an SQLite file is made when it is missing, and only its owner may read it. Later, too, nobody waits longer than `patience` for a
    /// connection, or for another process that has locked the file.
    ///
    /// # Errors
    /// UNAVAILABLE or INTERNAL, with the reason as its source.
    pub async fn connect_within(url: &str, max_connections: u32, patience: Duration) -> Result<Self, Error> {
        let batches = sqlite_writer::batches();
        let mut options = ConnectOptions::new(url);
        options.max_connections(max_connections).acquire_timeout(patience).sqlx_logging(false);
        let troubled = Arc::default();
        if !url.starts_with("sqlite:") {
            // Whoever locked a row for longer keeps only those waiting who need that row.
            let lock_timeout = (patience / 2).as_millis().to_string();
            let told = lock_timeout.clone();
            options.map_sqlx_postgres_opts(move |postgres| postgres.options([("lock_timeout", &lock_timeout)]));
            return match Database::connect(options).await {
                Ok(readers) => {
                    check_settings(&readers, &told).await?;
                    Ok(Self { readers, writer: None, lanes: BatchQueues::default(), troubled, batches })
                }
                Err(error) => Err(connect_error(url, error).await),
            };
        }
        if let Some(file) = sqlite_file(url) {
            make_private(&file).map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
        }
        // It is no server that could be away: asking before each use whether it is there costs as much as a small query.
        options.test_before_acquire(false);
        options.map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // An answered commit has reached the disk: WAL with NORMAL could lose the last ones in a power cut.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(patience)
                .statement_cache_capacity(256)
        });
        let mut writing = options.clone();
        // The writer is never idle for long enough to be worth reopening, and its prepared statements are warm.
        writing.max_connections(1).min_connections(1).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        // A full disk makes SQLite undo a transaction by itself, which the library does not notice: it would go on as if
        // within that one, and begin no other. Such a connection is replaced.
        writing.map_sqlx_sqlite_before_acquire(|connection, _| {
            let is_at_rest = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_at_rest) })
        });
        let writer = sqlite_writer::SqliteWriter::start(Database::connect(writing).await?, batches.clone())?;
        Ok(Self {
            readers: Database::connect(options).await?,
            writer: Some(writer),
            lanes: BatchQueues::default(),
            troubled,
            batches,
        })
    }

    /// Connections for reading. Nothing is written through them.
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Runs `job` in a write transaction and commits. An error of the job undoes what it did.
    ///
    /// The job gets `input` by reference, since it may be run more than once; it must have no effect outside of the
    /// transaction.
    ///
    /// # Errors
    /// The job's own; UNAVAILABLE where the database does not answer or takes nothing, INTERNAL where it fails
    /// otherwise; then nothing was written, unless the connection was lost during the commit itself.
    pub async fn write<I, T, F>(&self, input: I, job: F) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        let outcome = match &self.writer {
            Some(writer) => writer.run(input, job).await,
            None => self.transact_with_retry(&input, &job).await,
        };
        let is_away = outcome.as_ref().is_err_and(|error| error.code == Code::Unavailable);
        if is_away || outcome.is_ok() {
            self.troubled.store(is_away, Ordering::Relaxed);
        }
        outcome
    }

    async fn transact_with_retry<I, T, F>(&self, input: &I, job: &F) -> Result<T, Error>
    where
        F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>>,
    {
        let mut runs = 1;
        loop {
            match self.transact(input, job).await {
                Err(error) if runs < MAX_RUNS && is_serialization_failure(&error) => runs += 1,
                outcome => return outcome,
            }
        }
    }

    async fn transact<I, T, F>(&self, input: &I, job: &F) -> Result<T, Error>
    where
        F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>>,
    {
        let txn = self.readers.begin().await?;
        match job(&txn, input).await {
            Ok(value) => {
                txn.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The job's error says more than a failing rollback, which closes the connection anyway.
                txn.rollback().await.ok();
                Err(error)
            }
        }
    }

    /// Brings the schema up to date, in one transaction. Servers that start at once wait for each other.
    ///
    /// # Errors
    /// INTERNAL, with the reason as its source.
    pub async fn migrate(&self) -> Result<(), Error> {
        let txn = match &self.writer {
            Some(writer) => writer.connection().begin_with_options(sqlite_writer::immediate()).await?,
            None => self.readers.begin().await?,
        };
        if self.writer.is_none() {
            // Any number will do, as long as all servers use the same one. Ends with the transaction.
            txn.execute_unprepared("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7326493)").await?;
        }
        migration::Migrator::up(&txn, None).await?;
        Ok(txn.commit().await?)
    }

    /// Whether all steps of the schema have been applied.
    ///
    /// # Errors
    /// INTERNAL where the database cannot be read.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        Ok(migration::Migrator::get_pending_migrations(&self.readers).await?.is_empty())
    }

    /// Answers as long as the database does. Where it took nothing the last time, it is tried whether it does now.
    ///
    /// # Errors
    /// UNAVAILABLE or INTERNAL where it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.readers.ping().await?;
        if !self.troubled.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.write((), |txn, ()| Box::pin(probe_write(txn))).await
    }

    /// How busy it is now.
    pub fn pool_stats(&self) -> PoolStats {
        let (size, idle) = match self.readers.get_database_backend() {
            DbBackend::Postgres => {
                let pool = self.readers.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
            _ => {
                let pool = self.readers.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
        };
        // The two are read one after the other.
        let used = usize::try_from(size).unwrap_or(0).saturating_sub(idle);
        PoolStats { used, idle, waiting: self.writer.as_ref().map(sqlite_writer::SqliteWriter::waiting) }
    }

    /// How many jobs SQLite's writer commits together, each time.
    pub fn batches(&self) -> Histogram {
        self.batches.clone()
    }

    /// Closes the connections and waits for it: an SQLite database lies in one file from then on.
    ///
    /// # Errors
    /// INTERNAL where the database fails.
    pub async fn close(self) -> Result<(), Error> {
        self.readers.close_by_ref().await?;
        match &self.writer {
            Some(writer) => Ok(writer.connection().close_by_ref().await?),
            None => Ok(()),
        }
    }

    /// "SQLite" or "PostgreSQL", for people.
    pub fn name(&self) -> &'static str {
        match self.readers.get_database_backend() {
            DbBackend::Postgres => "PostgreSQL",
            _ => "SQLite",
        }
    }
}

/// The file of an SQLite address; none of any other, or of a database in memory.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") || url.contains("mode=memory") {
        return None;
    }
    let options: SqliteConnectOptions = url.parse().ok()?;
    Some(options.get_filename().to_owned())
}

/// Creates the file where it is missing, and takes the permissions of other users away from one that was not private.
fn make_private(file: &Path) -> std::io::Result<()> {
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        private_files::create_dir(directory)?;
    }
    private_files::create_missing(file)?;
    for part in private_files::of_database(file) {
        match private_files::repair(&part) {
            Ok(false) => {}
            Ok(true) => tracing::warn!(file = %part.display(), "others could read a file of the database; no longer"),
            Err(error) => {
                tracing::warn!(file = %part.display(), %error, "a file of the database can't be made private")
            }
        }
    }
    Ok(())
}

/// Writes something that means nothing, so that a full disk shows.
async fn probe_write(txn: &Txn) -> Result<(), Error> {
    let statement = match txn.get_database_backend() {
        DbBackend::Sqlite => "PRAGMA user_version = 0",
        _ => "SELECT txid_current()",
    };
    txn.execute_unprepared(statement).await?;
    Ok(())
}

/// Why there is no connection: the pool tries again and again, and knows in the end only that time is up.
async fn connect_error(url: &str, error: DbErr) -> Error {
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect(url)).await {
        // In the words of PgBouncer.
        Ok(Err(reason)) if reason.to_string().contains("startup parameter") => Error::internal(POOLED),
        Ok(Err(reason)) => Error::from(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(reason)))),
        Ok(Ok(_)) | Err(_) => error.into(),
    }
}

const POOLED: &str = "database.url leads to a pooler such as PgBouncer, which does not keep the settings and the prepared \
    statements of a connection. Name the port of PostgreSQL itself: each server has a pool of its own, of \
    database.max_connections";

/// Whether the connections have the settings that they asked for. A pooler may be told to ignore these, and then would fail
/// later, at the statements of others.
async fn check_settings(db: &DatabaseConnection, lock_timeout: &str) -> Result<(), Error> {
    let query = "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await?;
    let set: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    if set.as_deref() == Some(lock_timeout) { Ok(()) } else { Err(Error::internal(POOLED)) }
}

/// Whether PostgreSQL undid the transaction only because of another one at the same time.
fn is_serialization_failure(error: &Error) -> bool {
    // 40001 serialization_failure, 40P01 deadlock_detected
    sql_state(error).is_some_and(|state| state == "40001" || state == "40P01")
}

/// Whether a row was locked by somebody else for too long.
fn waited_for_a_lock(error: &Error) -> bool {
    sql_state(error).is_some_and(|state| state == "55P03")
}

fn sql_state(error: &Error) -> Option<String> {
    code_of(error.source.as_deref()?.downcast_ref::<DbErr>()?)
}
