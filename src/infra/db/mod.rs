//! The database: a pool of connections for reading, and [`Db::write`], the only way to a write transaction.
//!
//! Domain code must not depend on which of the two databases it runs on. On PostgreSQL `write` is an ordinary
//! transaction, retried after a serialization failure or a deadlock. On SQLite, which has one writer, waiting
//! transactions are committed in one batch (see [`sqlite_writer`]). Jobs of the same kind from many callers are executed by a
//! few statements for all of them (see [`batcher`]).
mod batch;
mod batcher;
mod bulk_update;
mod rows;
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

pub use self::batch::Batch;
use self::batcher::BatchQueues;
pub use self::batcher::{BatchJob, BatchResult};
pub use self::bulk_update::BulkUpdate;
pub use self::rows::{RowQuery, fetch_three, fetch_two, in_ids};
use crate::core::error::{Code, Error, code_of};
use crate::core::private_files;

/// A write transaction, as jobs receive it.
pub type Txn = DatabaseTransaction;

/// The default timeout for acquiring a connection.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of the last attempt to connect, which finds the reason of a failure.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of runs of a PostgreSQL transaction that lost against a concurrent one.
const MAX_RUNS: u32 = 10;

/// The database. Clones share the connection pool.
#[derive(Clone)]
pub struct Db {
    readers: DatabaseConnection,
    writer: Option<sqlite_writer::SqliteWriter>,
    queues: BatchQueues,
    /// Whether the last transaction found the database unavailable or unable to write.
    unavailable: Arc<AtomicBool>,
    batches: Histogram,
}

/// Statistics of the connection pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolStats {
    /// Connections in use (of the readers, on SQLite).
    pub used: usize,
    /// Idle connections.
    pub idle: usize,
    /// Jobs queued for SQLite's writer; `None` on PostgreSQL.
    pub waiting: Option<usize>,
}

impl Db {
    /// Connects as [`Db::connect_within`], with the default timeout.
    ///
    /// # Errors
    /// As [`Db::connect_within`].
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, Error> {
        Self::connect_within(url, max_connections, RETRY_TIMEOUT).await
    }

    /// Connects. A missing SQLite file is created, readable by its owner only. `acquire_timeout` is the timeout for acquiring
    /// a connection, then and later, and for another process that has locked the file.
    ///
    /// # Errors
    /// UNAVAILABLE or INTERNAL, with the reason as its source.
    pub async fn connect_within(url: &str, max_connections: u32, acquire_timeout: Duration) -> Result<Self, Error> {
        let batches = sqlite_writer::batches();
        let mut options = ConnectOptions::new(url);
        options.max_connections(max_connections).acquire_timeout(acquire_timeout).sqlx_logging(false);
        let unavailable = Arc::default();
        if !url.starts_with("sqlite:") {
            // A transaction that locks a row for longer only delays those that need that row.
            let lock_timeout = (acquire_timeout / 2).as_millis().to_string();
            let expected = lock_timeout.clone();
            options.map_sqlx_postgres_opts(move |postgres| postgres.options([("lock_timeout", &lock_timeout)]));
            return match Database::connect(options).await {
                Ok(readers) => {
                    check_settings(&readers, &expected).await?;
                    Ok(Self { readers, writer: None, queues: BatchQueues::default(), unavailable, batches })
                }
                Err(error) => Err(connect_error(url, error).await),
            };
        }
        if let Some(file) = sqlite_file(url) {
            make_private(&file).map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
        }
        // SQLite is no server that could be unavailable: a ping before each use would cost as much as a small query.
        options.test_before_acquire(false);
        options.map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // A commit that was reported has reached the disk: WAL with NORMAL could lose the last ones in a power
                // cut.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(acquire_timeout)
                .statement_cache_capacity(256)
        });
        let mut writing = options.clone();
        // The writer is never idle for long enough to be worth reopening, and its prepared statements are warm.
        writing.max_connections(1).min_connections(1).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        // A full disk makes SQLite roll a transaction back automatically. The library does not notice: it would
        // continue as if within that transaction, and begin no other. Such a connection is replaced.
        writing.map_sqlx_sqlite_before_acquire(|connection, _| {
            let is_at_rest = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_at_rest) })
        });
        let writer = sqlite_writer::SqliteWriter::start(Database::connect(writing).await?, batches.clone())?;
        Ok(Self {
            readers: Database::connect(options).await?,
            writer: Some(writer),
            queues: BatchQueues::default(),
            unavailable,
            batches,
        })
    }

    /// Returns the pool of connections for reading. Must not be used to write.
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Runs `job` in a write transaction and commits. An error of the job rolls it back.
    ///
    /// The job gets `input` by reference, since it may be retried; it must have no effect outside of the transaction.
    ///
    /// # Errors
    /// Those of the job; UNAVAILABLE if the database does not answer or can't write; INTERNAL if it fails otherwise.
    /// Then nothing was written, unless the connection was lost during the commit itself.
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
        let is_unavailable = outcome.as_ref().is_err_and(|error| error.code == Code::Unavailable);
        if is_unavailable || outcome.is_ok() {
            self.unavailable.store(is_unavailable, Ordering::Relaxed);
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
                // The job's error is more useful than that of a failed rollback, which closes the connection anyway.
                txn.rollback().await.ok();
                Err(error)
            }
        }
    }

    /// Applies pending migrations, in one transaction. Servers that start at the same time wait for each other.
    ///
    /// # Errors
    /// INTERNAL, with the reason as its source.
    pub async fn migrate(&self) -> Result<(), Error> {
        let txn = match &self.writer {
            Some(writer) => writer.connection().begin_with_options(sqlite_writer::immediate()).await?,
            None => self.readers.begin().await?,
        };
        if self.writer.is_none() {
            // The id of the advisory lock is arbitrary, but the same on all servers. It is released with the
            // transaction.
            txn.execute_unprepared("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7326493)").await?;
        }
        migration::Migrator::up(&txn, None).await?;
        Ok(txn.commit().await?)
    }

    /// Returns whether all migrations have been applied.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        Ok(migration::Migrator::get_pending_migrations(&self.readers).await?.is_empty())
    }

    /// Checks that the database answers and, if the last write failed, that it can be written.
    ///
    /// # Errors
    /// UNAVAILABLE or INTERNAL if the check fails.
    pub async fn ping(&self) -> Result<(), Error> {
        self.readers.ping().await?;
        if !self.unavailable.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.write((), |txn, ()| Box::pin(probe_write(txn))).await
    }

    /// Returns the current statistics of the connection pool.
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
        // The two numbers are not read atomically.
        let used = usize::try_from(size).unwrap_or(0).saturating_sub(idle);
        PoolStats { used, idle, waiting: self.writer.as_ref().map(sqlite_writer::SqliteWriter::waiting) }
    }

    /// Returns the histogram of the batch sizes of SQLite's writer.
    pub fn batches(&self) -> Histogram {
        self.batches.clone()
    }

    /// Closes all connections and waits for it: afterwards an SQLite database is a single file.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn close(self) -> Result<(), Error> {
        self.readers.close_by_ref().await?;
        match &self.writer {
            Some(writer) => Ok(writer.connection().close_by_ref().await?),
            None => Ok(()),
        }
    }

    /// Returns the display name: "SQLite" or "PostgreSQL".
    pub fn name(&self) -> &'static str {
        match self.readers.get_database_backend() {
            DbBackend::Postgres => "PostgreSQL",
            _ => "SQLite",
        }
    }
}

/// Returns the file of an SQLite URL; `None` for any other URL, or a database in memory.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") || url.contains("mode=memory") {
        return None;
    }
    let options: SqliteConnectOptions = url.parse().ok()?;
    Some(options.get_filename().to_owned())
}

/// Creates a missing database file, and removes the permissions of other users from an existing one.
fn make_private(file: &Path) -> std::io::Result<()> {
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        private_files::create_dir(directory)?;
    }
    private_files::create_missing(file)?;
    for part in private_files::of_database(file) {
        match private_files::repair(&part) {
            Ok(false) => {}
            Ok(true) => tracing::warn!(file = %part.display(), "database file was readable by other users; fixed"),
            Err(error) => {
                tracing::warn!(file = %part.display(), %error, "failed to restrict the permissions of a database file")
            }
        }
    }
    Ok(())
}

/// Writes something without a meaning, so that a full disk is noticed.
async fn probe_write(txn: &Txn) -> Result<(), Error> {
    let statement = match txn.get_database_backend() {
        DbBackend::Sqlite => "PRAGMA user_version = 0",
        _ => "SELECT txid_current()",
    };
    txn.execute_unprepared(statement).await?;
    Ok(())
}

/// Returns why connecting failed: the pool retries in a loop and reports a timeout only.
async fn connect_error(url: &str, error: DbErr) -> Error {
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect(url)).await {
        // The wording of PgBouncer.
        Ok(Err(reason)) if reason.to_string().contains("startup parameter") => Error::internal(POOLED),
        Ok(Err(reason)) => Error::from(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(reason)))),
        Ok(Ok(_)) | Err(_) => error.into(),
    }
}

const POOLED: &str = "database.url points to a pooler such as PgBouncer, which does not keep the settings and the \
    prepared statements of a connection. Use the port of PostgreSQL itself: each server has a pool of its own, of \
    database.max_connections";

/// Checks that the connections have the settings that were requested. A pooler may be configured to ignore them, and
/// would fail later, at unrelated statements.
async fn check_settings(db: &DatabaseConnection, lock_timeout: &str) -> Result<(), Error> {
    let query = "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await?;
    let set: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    if set.as_deref() == Some(lock_timeout) { Ok(()) } else { Err(Error::internal(POOLED)) }
}

/// Returns whether PostgreSQL rolled the transaction back only because of a concurrent one.
fn is_serialization_failure(error: &Error) -> bool {
    // 40001 serialization_failure, 40P01 deadlock_detected
    sql_state(error).is_some_and(|state| state == "40001" || state == "40P01")
}

/// Returns whether waiting for a locked row timed out.
fn waited_for_a_lock(error: &Error) -> bool {
    sql_state(error).is_some_and(|state| state == "55P03")
}

fn sql_state(error: &Error) -> Option<String> {
    code_of(error.source.as_deref()?.downcast_ref::<DbErr>()?)
}
