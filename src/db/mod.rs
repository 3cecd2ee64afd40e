//! The database: connections for reading, and [`Db::write`], the only door to a write transaction.
//!
//! Domain code cannot tell the two databases apart. On PostgreSQL `write` is an ordinary transaction, run again after a
//! serialization failure or a deadlock. On SQLite, which has one writer, the transactions that wait are committed
//! together (see [`writer`]).

mod writer;

use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use migration::MigratorTrait;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    TransactionTrait,
};

use crate::error::Error;

/// A write transaction, as jobs see it.
pub type Txn = DatabaseTransaction;

/// How often a PostgreSQL transaction is run again after losing against another.
const MAX_RUNS: u32 = 10;

/// The database. Clones share their connections.
#[derive(Clone)]
pub struct Db {
    readers: DatabaseConnection,
    writer: Option<writer::Writer>,
}

impl Db {
    /// Connects; an SQLite file is made when it is missing.
    ///
    /// # Errors
    /// INTERNAL, with the reason as its source.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, Error> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(max_connections).acquire_timeout(Duration::from_secs(10)).sqlx_logging(false);
        if !url.starts_with("sqlite:") {
            return Ok(Self { readers: Database::connect(options).await?, writer: None });
        }
        if let Some(parent) = url.split_once("://").and_then(|(_, path)| Path::new(path).parent()) {
            std::fs::create_dir_all(parent).map_err(Error::internal)?;
        }
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // An answered commit has reached the disk: WAL with NORMAL could lose the last ones in a power cut.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .statement_cache_capacity(256)
        });
        let mut writing = options.clone();
        // The writer is never idle for long enough to be worth reopening, and its prepared statements are warm.
        writing.max_connections(1).min_connections(1).idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        let writer = writer::Writer::start(Database::connect(writing).await?);
        Ok(Self { readers: Database::connect(options).await?, writer: Some(writer) })
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
    /// The job's own, or INTERNAL where the database fails; then nothing was written, unless the connection was lost
    /// during the commit itself.
    pub async fn write<I, T, F>(&self, input: I, job: F) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        if let Some(writer) = &self.writer {
            return writer.run(input, job).await;
        }
        let mut runs = 1;
        loop {
            match self.transact(&input, &job).await {
                Err(error) if runs < MAX_RUNS && lost_against_another(&error) => runs += 1,
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
            Some(writer) => writer.connection().begin_with_options(writer::immediate()).await?,
            None => self.readers.begin().await?,
        };
        if self.writer.is_none() {
            // Any number will do, as long as all servers use the same one. Ends with the transaction.
            txn.execute_unprepared("SELECT pg_advisory_xact_lock(7326493)").await?;
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

    /// Answers as long as the database does.
    ///
    /// # Errors
    /// INTERNAL where it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.readers.ping().await?)
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

/// Whether PostgreSQL undid the transaction only because of another one at the same time.
fn lost_against_another(error: &Error) -> bool {
    // 40001 serialization_failure, 40P01 deadlock_detected
    sql_state(error).is_some_and(|state| state == "40001" || state == "40P01")
}

fn sql_state(error: &Error) -> Option<String> {
    use sea_orm::RuntimeErr::SqlxError;
    let (DbErr::Exec(SqlxError(cause)) | DbErr::Query(SqlxError(cause)) | DbErr::Conn(SqlxError(cause))) =
        error.source.as_deref()?.downcast_ref::<DbErr>()?
    else {
        return None;
    };
    Some(cause.as_database_error()?.code()?.into_owned())
}
