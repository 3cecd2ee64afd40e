//! The one writer of an SQLite database.
//!
//! A commit waits for the disk. So the jobs that wait for the writer are run one after the other in one transaction and
//! committed together: the disk is waited for once. Where one of them fails, all are run again, each in a savepoint of its
//! own, so that the error of one undoes only that one. Nobody is answered before the commit.

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

/// Jobs that may wait. Past this, callers wait to hand theirs in.
const QUEUE: usize = 1024;
/// Jobs committed together at most: bounds how long the first one waits for the last.
const BATCH: usize = 128;

/// The way to the writer. Clones lead to the same one; it ends when all are gone.
#[derive(Clone)]
pub(super) struct SqliteWriter {
    jobs: mpsc::Sender<Box<dyn WriteJob>>,
    connection: DatabaseConnection,
}

impl SqliteWriter {
    /// Starts the writer, on a thread of its own: SQLite's thread wakes it after each statement, and among all requests it
    /// would wait its turn behind them every time. That made a third more of calls that ask an upstream in between.
    ///
    /// # Errors
    /// INTERNAL where the system gives no thread.
    pub(super) fn start(connection: DatabaseConnection, batches: Histogram) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime = runtime::Builder::new_current_thread().enable_time().build().map_err(Error::internal)?;
        let work = work(connection.clone(), queue, batches);
        // Ends by itself when the last way to it is gone.
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(Error::internal)?;
        Ok(Self { jobs, connection })
    }

    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Runs the job in a batch. If the caller goes away, the job is run and committed all the same.
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

/// Sizes of batches: none yet.
pub(super) fn batches() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 8))
}

pub(super) fn stopped() -> Error {
    Error::new(Code::Internal, "Internal error.").with_source("the database writer has stopped")
}

/// A job whose types are forgotten, so that different ones can wait in one queue.
trait WriteJob: Send {
    /// Runs it; says whether it succeeded. The outcome is kept until the commit.
    fn run<'t>(&'t mut self, txn: &'t Txn) -> BoxFuture<'t, bool>;
    /// Tells the caller: its own outcome, or that what it did was lost with the batch.
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
            // An error that the job itself found stays true whatever became of the batch.
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
    // Savepoints cost about as much as what is done in them, so there are none until one of the jobs has failed.
    let txn = desk.begin().await?;
    for job in batch {
        let savepoint = txn.begin().await?;
        if job.run(&savepoint).await { savepoint.commit().await? } else { savepoint.rollback().await? }
    }
    txn.commit().await
}

/// The connection, as long as there is work for it.
///
/// The pool asks a connection that comes back whether it is still there, and lets nobody have it meanwhile. So it is kept
/// while others wait: the library's transaction stays open, and what begins and ends in the database is told by hand.
struct PinnedConnection {
    connection: DatabaseConnection,
    /// Open for the library, at its end for the database.
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

/// Takes the write lock at once: a transaction that reads first could find the file changed when it writes.
pub(super) fn immediate() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
