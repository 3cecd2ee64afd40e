//! Batched writes: jobs of one kind from concurrent callers, executed by a few statements for all of them.
//!
//! Under load most writes are of two kinds: chats that open, and chats that end. A statement for fifty of them costs
//! little more than a statement for one. So jobs that arrive while a batch is being written wait for the next one and
//! are written together; a single job does not wait.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::{Db, Txn, sqlite_writer, waited_for_a_lock};
use crate::core::error::{Code, Error};

/// The maximum number of jobs in a batch. Bounds the length of statements, and the number of different ones to prepare.
const MAX_BATCH: usize = 64;
/// The maximum number of batches of one kind in flight: while one waits for the disk, the next is ready to begin.
const MAX_IN_FLIGHT: usize = 2;

/// The result of each job of a batch, or the error of the batch as a whole.
pub type BatchResult<T> = Result<Vec<Result<T, Error>>, Error>;

/// A job that can be batched with others of its kind.
pub trait BatchJob: Send + Sync + Sized + 'static {
    /// The result for the caller.
    type Output: Send + 'static;

    /// Executes all jobs and returns their results, in the same order. If one of several jobs fails, it has written
    /// nothing; what a single job has written is rolled back.
    ///
    /// It must have no effect outside of the transaction, since it may be retried: an error of the batch rolls it back,
    /// and each job is retried alone.
    fn run<'t>(txn: &'t Txn, all: &'t [Self]) -> BoxFuture<'t, BatchResult<Self::Output>>;
}

/// The queues in use, by the type of their job. A queue ends when all clones are dropped.
#[derive(Clone, Default)]
pub(super) struct BatchQueues(Arc<Mutex<QueuesByType>>);

type QueuesByType = HashMap<TypeId, Box<dyn Any + Send>>;

/// The queue of the jobs of one kind.
struct BatchQueue<J: BatchJob> {
    waiting: Pending<J>,
    /// Wakes the workers; full if one of them is going to check the queue anyway.
    wakeup: mpsc::Sender<()>,
}

type Pending<J> = Arc<Mutex<Vec<QueuedJob<J>>>>;

struct QueuedJob<J: BatchJob> {
    job: J,
    answer: ResultSender<J>,
}

type ResultSender<J> = oneshot::Sender<Result<<J as BatchJob>::Output, Error>>;

impl<J: BatchJob> Clone for BatchQueue<J> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), wakeup: self.wakeup.clone() }
    }
}

impl Db {
    /// Executes the job in a write transaction, batched with queued jobs of its kind, and commits. An error of one job
    /// rolls back only that one. If the caller is cancelled, the job is executed nevertheless.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_batched<J: BatchJob>(&self, job: J) -> Result<J::Output, Error> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue::<J>();
        queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(QueuedJob { job, answer });
        queue.wakeup.try_send(()).ok();
        drop(queue);
        answered.await.map_err(|_| sqlite_writer::stopped())?
    }

    fn queue<J: BatchJob>(&self) -> BatchQueue<J> {
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = queues.get(&TypeId::of::<J>()).and_then(|queue| queue.downcast_ref::<BatchQueue<J>>());
        if let Some(queue) = known.filter(|queue| !queue.wakeup.is_closed()) {
            return queue.clone();
        }
        let (wakeup, wakeups) = mpsc::channel(1);
        let (waiting, wakeups) = (Pending::<J>::default(), Arc::new(AsyncMutex::new(wakeups)));
        for _ in 0..MAX_IN_FLIGHT {
            // The workers' own database has no queues, so that these end with the last clone outside.
            let db = Db { queues: BatchQueues::default(), ..self.clone() };
            #[expect(
                clippy::disallowed_methods,
                reason = "lives exactly as long as the Db, below the app and its tasks"
            )]
            tokio::spawn(work(db, waiting.clone(), wakeups.clone()));
        }
        let queue = BatchQueue { waiting, wakeup };
        queues.insert(TypeId::of::<J>(), Box::new(queue.clone()));
        queue
    }
}

async fn work<J: BatchJob>(db: Db, waiting: Pending<J>, wakeups: Arc<AsyncMutex<mpsc::Receiver<()>>>) {
    while wakeups.lock().await.recv().await.is_some() {
        while !waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            run_batch(&db, &waiting).await;
        }
    }
}

/// Executes the jobs that are queued when the transaction begins.
async fn run_batch<J: BatchJob>(db: &Db, waiting: &Pending<J>) {
    let set =
        Arc::new(InFlightBatch { waiting: waiting.clone(), taken: OnceLock::new(), failed: AtomicBool::new(false) });
    let all = db.write(set.clone(), |txn, set| {
        Box::pin(async move {
            let jobs = set.jobs();
            if jobs.is_empty() { Ok(Vec::new()) } else { set.outcome(J::run(txn, jobs).await) }
        })
    });
    // A panic in one batch must not end the queue for all.
    let written = AssertUnwindSafe(all).catch_unwind().await;
    let outcomes = match written.unwrap_or_else(|_| Err(Error::internal("a database job panicked"))) {
        Ok(outcomes) => outcomes,
        // Retrying against an unavailable database would only wait in a loop. A locked row fails only one of the jobs.
        Err(error)
            if set.jobs().len() > 1
                && set.failed.load(Ordering::Acquire)
                && (error.code != Code::Unavailable || waited_for_a_lock(&error)) =>
        {
            tracing::debug!(?error, jobs = set.jobs().len(), "write batch failed; retrying its jobs one by one");
            join_all((0..set.jobs().len()).map(|place| run_single(db, set.clone(), place))).await
        }
        Err(error) => fan_out_error(error, set.jobs().len()),
    };
    for (answer, outcome) in set.answers().into_iter().zip(outcomes) {
        answer.send(outcome).ok();
    }
}

/// A batch of jobs that is being executed.
struct InFlightBatch<J: BatchJob> {
    waiting: Pending<J>,
    taken: OnceLock<TakenBatch<J>>,
    /// The batch failed before the commit, so it is certain that nothing was written.
    failed: AtomicBool,
}

struct TakenBatch<J: BatchJob> {
    jobs: Vec<J>,
    answers: Mutex<Vec<ResultSender<J>>>,
}

impl<J: BatchJob> InFlightBatch<J> {
    /// Takes the jobs from the queue on the first call.
    fn taken(&self) -> &TakenBatch<J> {
        self.taken.get_or_init(|| {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = waiting.len().min(MAX_BATCH);
            let (jobs, answers) = waiting.drain(..count).map(|one| (one.job, one.answer)).unzip();
            TakenBatch { jobs, answers: Mutex::new(answers) }
        })
    }

    fn jobs(&self) -> &[J] {
        &self.taken().jobs
    }

    fn answers(&self) -> Vec<ResultSender<J>> {
        std::mem::take(&mut self.taken().answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn outcome<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.failed.store(outcome.is_err(), Ordering::Release);
        outcome
    }
}

async fn run_single<J: BatchJob>(db: &Db, set: Arc<InFlightBatch<J>>, place: usize) -> Result<J::Output, Error> {
    let one = db.write((set, place), |txn, (set, place)| {
        Box::pin(async move {
            let one = set.jobs().get(*place..=*place).unwrap_or_default();
            J::run(txn, one).await?.pop().unwrap_or_else(|| Err(Error::internal("a batched job returned no result")))
        })
    });
    let written = AssertUnwindSafe(one).catch_unwind().await;
    written.unwrap_or_else(|_| Err(Error::internal("a database job panicked")))
}

/// Returns the error itself for the first job, and copies of its code and message for the other jobs.
fn fan_out_error<T>(error: Error, count: usize) -> Vec<Result<T, Error>> {
    let (code, message, cause) = (error.code, error.message.clone(), format!("{error:?}"));
    let others = std::iter::repeat_with(|| Err(Error::new(code, message.clone()).with_source(cause.clone())));
    std::iter::once(Err(error)).chain(others).take(count).collect()
}
