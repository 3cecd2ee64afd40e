//! The single writer of an SQLite database.
//!
//! A commit waits for the disk. So queued jobs run one after the other in one transaction and are committed together:
//! one wait for the disk for the whole batch. If a job fails, all are rerun, each in a savepoint of its own, so that
//! its error rolls back only that one. No caller gets a result before the commit.

use std::panic::AssertUnwindSafe;
use std::thread;

use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use sea_orm::{ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

use super::Txn;
use crate::core::error::{Code, Error};

/// The capacity of the queue. When it is full, callers wait to enqueue.
const QUEUE: usize = 1024;
/// The maximum number of jobs in a batch: bounds how long the first one waits for the last.
const BATCH: usize = 128;

/// The handle of the writer. Clones share it; the writer ends when all are dropped.
#[derive(Clone)]
pub(super) struct SqliteWriter {
    jobs: mpsc::Sender<Box<dyn WriteJob>>,
    connection: DatabaseConnection,
}

impl SqliteWriter {
    /// Starts the writer on a thread of its own: SQLite's thread wakes it after each statement, and on the shared
    /// runtime it would wait behind all requests every time. That raised throughput by a third for calls that wait for
    /// an upstream.
    ///
    /// # Errors
    /// INTERNAL if the thread can't be started.
    pub(super) fn start(connection: DatabaseConnection, batches: Histogram) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime =
            runtime::Builder::new_current_thread().enable_time().build().map_err(|error| Error::internal(error))?;
        let work = work(connection.clone(), queue, batches);
        // The thread ends when the last handle is dropped.
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(|error| Error::internal(error))?;
        Ok(Self { jobs, connection })
    }

    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Returns the number of queued jobs.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Runs the job in a batch. If the caller is cancelled, the job is run and committed nevertheless.
    pub(super) async fn run<I, T, F>(&self, input: I, job: F) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(QueuedJob { input, job, outcome: None, answer });
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// Creates the empty histogram of batch sizes.
pub(super) fn batches() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 8))
}

pub(super) fn stopped() -> Error {
    Error::new(Code::Internal, "Internal error.").with_source("the database writer has stopped")
}

/// A type-erased job, so that different ones can wait in one queue.
trait WriteJob: Send {
    /// Runs the job and returns whether it succeeded. The result is kept until the commit.
    fn run<'t>(&'t mut self, txn: &'t Txn) -> BoxFuture<'t, bool>;
    /// Sends the result to the caller: its own, or that its changes were lost with the batch.
    fn finish(self: Box<Self>, lost: Option<&str>);
}

struct QueuedJob<I, T, F> {
    input: I,
    job: F,
    outcome: Option<Result<T, Error>>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<I, T, F> WriteJob for QueuedJob<I, T, F>
where
    I: Send + Sync + 'static,
    T: Send + 'static,
    F: for<'t> Fn(&'t Txn, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
{
    fn run<'t>(&'t mut self, txn: &'t Txn) -> BoxFuture<'t, bool> {
        async {
            // A panic in one job must not end the writer for all.
            let outcome = AssertUnwindSafe((self.job)(txn, &self.input)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a database job panicked")));
            let succeeded = outcome.is_ok();
            self.outcome = Some(outcome);
            succeeded
        }
        .boxed()
    }

    fn finish(self: Box<Self>, lost: Option<&str>) {
        let outcome = match (self.outcome, lost) {
            // An error of the job itself is valid whatever happened to the batch.
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), None) => Ok(value),
            (_, Some(cause)) => Err(Error::unavailable(cause.to_owned())),
            (None, None) => Err(stopped()),
        };
        self.answer.send(outcome).ok();
    }
}

async fn work(connection: DatabaseConnection, mut queue: mpsc::Receiver<Box<dyn WriteJob>>, batches: Histogram) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut desk = PinnedConnection { connection, kept: None };
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        batches.observe(batch.len() as f64);
        let lost = commit_together(&mut desk, &mut batch, &queue).await.err().map(|error| error.to_string());
        for job in batch.drain(..) {
            job.finish(lost.as_deref());
        }
    }
}

async fn commit_together(
    desk: &mut PinnedConnection,
    batch: &mut [Box<dyn WriteJob>],
    queue: &mpsc::Receiver<Box<dyn WriteJob>>,
) -> Result<(), sea_orm::DbErr> {
    let txn = desk.begin().await?;
    let mut failed = false;
    for job in batch.iter_mut() {
        failed = !job.run(&txn).await;
        if failed {
            break;
        }
    }
    if !failed {
        return desk.commit(txn, !queue.is_empty()).await;
    }
    txn.rollback().await?;
    if batch.len() == 1 {
        return Ok(());
    }
    // Savepoints cost about as much as the work in them, so there are none until a job has failed.
    let txn = desk.begin().await?;
    for job in batch {
        let savepoint = txn.begin().await?;
        if job.run(&savepoint).await { savepoint.commit().await? } else { savepoint.rollback().await? }
    }
    txn.commit().await
}

/// A connection that is kept while there are queued jobs.
///
/// The pool pings a returned connection before it can be acquired again. So the connection is kept while jobs wait: the
/// library's transaction stays open, and `BEGIN` and `COMMIT` are sent as plain statements.
struct PinnedConnection {
    connection: DatabaseConnection,
    /// Open for the library, committed for the database.
    kept: Option<Txn>,
}

impl PinnedConnection {
    async fn begin(&mut self) -> Result<Txn, sea_orm::DbErr> {
        let Some(txn) = self.kept.take() else { return self.connection.begin_with_options(immediate()).await };
        txn.execute_unprepared("BEGIN IMMEDIATE").await?;
        Ok(txn)
    }

    async fn commit(&mut self, txn: Txn, keep: bool) -> Result<(), sea_orm::DbErr> {
        if !keep {
            return txn.commit().await;
        }
        txn.execute_unprepared("COMMIT").await?;
        self.kept = Some(txn);
        Ok(())
    }
}

/// Returns options that take the write lock immediately: a transaction that reads first could find the file changed
/// when it writes.
pub(super) fn immediate() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
