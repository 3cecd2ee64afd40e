//! Work of one kind that many callers want at the same moment, done by a few statements for all of them.
//!
//! Under load most of what is written is the same two things again and again: chats that open, and chats that end. A
//! statement for fifty of them costs little more than one for one. So whoever comes while others are being written waits
//! for the next turn, and is written together with everybody who came meanwhile; who comes alone waits for nobody.

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

/// Jobs done together at most. Bounds the length of statements, and how many different ones there are to prepare.
const MAX_BATCH: usize = 64;
/// Sets of one kind that are under way at once: while one waits for the disk, the next is ready to begin.
const MAX_IN_FLIGHT: usize = 2;

/// The outcome of each job of a set, or what went wrong with the whole.
pub type BatchResult<T> = Result<Vec<Result<T, Error>>, Error>;

/// A job that can be done together with others of its kind.
pub trait BatchJob: Send + Sync + Sized + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Does all of it, and tells the outcome of each, in the same order. Of several, one that fails has left no trace;
    /// of a single one, the traces are undone.
    ///
    /// It has no effect outside of the transaction, since it may be run more than once: an error of the whole undoes
    /// all, and each is tried by itself.
    fn run<'t>(txn: &'t Txn, all: &'t [Self]) -> BoxFuture<'t, BatchResult<Self::Output>>;
}

/// The lanes that have been used, by the type of their job. Each ends when all clones are gone.
#[derive(Clone, Default)]
pub(super) struct BatchQueues(Arc<Mutex<QueuesByType>>);

type QueuesByType = HashMap<TypeId, Box<dyn Any + Send>>;

/// Jobs of one kind that wait.
struct BatchQueue<J: BatchJob> {
    waiting: Pending<J>,
    /// Tells the workers that there are some; full where one of them will look anyway.
    some: mpsc::Sender<()>,
}

type Pending<J> = Arc<Mutex<Vec<QueuedJob<J>>>>;

struct QueuedJob<J: BatchJob> {
    job: J,
    answer: ResultSender<J>,
}

type ResultSender<J> = oneshot::Sender<Result<<J as BatchJob>::Output, Error>>;

impl<J: BatchJob> Clone for BatchQueue<J> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), some: self.some.clone() }
    }
}

impl Db {
    /// Does the job in a write transaction together with others of its kind that wait, and commits. An error of one
    /// undoes only that one. If the caller goes away, the job is done all the same.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_batched<J: BatchJob>(&self, job: J) -> Result<J::Output, Error> {
        let (answer, answered) = oneshot::channel();
        let lane = self.lane::<J>();
        lane.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(QueuedJob { job, answer });
        lane.some.try_send(()).ok();
        drop(lane);
        answered.await.map_err(|_| sqlite_writer::stopped())?
    }

    fn lane<J: BatchJob>(&self) -> BatchQueue<J> {
        let mut lanes = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lanes.get(&TypeId::of::<J>()).and_then(|lane| lane.downcast_ref::<BatchQueue<J>>());
        if let Some(lane) = known.filter(|lane| !lane.some.is_closed()) {
            return lane.clone();
        }
        let (some, told) = mpsc::channel(1);
        let (waiting, told) = (Pending::<J>::default(), Arc::new(AsyncMutex::new(told)));
        for _ in 0..MAX_IN_FLIGHT {
            // The workers' own database has no lanes, so that these end with the last clone outside.
            let db = Db { lanes: BatchQueues::default(), ..self.clone() };
            #[expect(
                clippy::disallowed_methods,
                reason = "lives exactly as long as the Db, below the app and its tasks"
            )]
            tokio::spawn(work(db, waiting.clone(), told.clone()));
        }
        let lane = BatchQueue { waiting, some };
        lanes.insert(TypeId::of::<J>(), Box::new(lane.clone()));
        lane
    }
}

async fn work<J: BatchJob>(db: Db, waiting: Pending<J>, told: Arc<AsyncMutex<mpsc::Receiver<()>>>) {
    while told.lock().await.recv().await.is_some() {
        while !waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            run_batch(&db, &waiting).await;
        }
    }
}

/// Does those that wait by the time that the transaction begins.
async fn run_batch<J: BatchJob>(db: &Db, waiting: &Pending<J>) {
    let set =
        Arc::new(InFlightBatch { waiting: waiting.clone(), taken: OnceLock::new(), failed: AtomicBool::new(false) });
    let all = db.write(set.clone(), |txn, set| {
        Box::pin(async move {
            let jobs = set.jobs();
            if jobs.is_empty() { Ok(Vec::new()) } else { set.outcome(J::run(txn, jobs).await) }
        })
    });
    // A panic in one set must not end the lane for all.
    let written = AssertUnwindSafe(all).catch_unwind().await;
    let outcomes = match written.unwrap_or_else(|_| Err(Error::internal("a database job panicked"))) {
        Ok(outcomes) => outcomes,
        // A database that is away would only be waited for again and again. A row that is locked fails one of them.
        Err(error)
            if set.jobs().len() > 1
                && set.failed.load(Ordering::Acquire)
                && (error.code != Code::Unavailable || waited_for_a_lock(&error)) =>
        {
            tracing::debug!(?error, jobs = set.jobs().len(), "a set failed; each is done by itself");
            join_all((0..set.jobs().len()).map(|place| run_single(db, set.clone(), place))).await
        }
        Err(error) => fan_out_error(error, set.jobs().len()),
    };
    for (answer, outcome) in set.answers().into_iter().zip(outcomes) {
        answer.send(outcome).ok();
    }
}

/// Jobs that are done together.
struct InFlightBatch<J: BatchJob> {
    waiting: Pending<J>,
    taken: OnceLock<TakenBatch<J>>,
    /// They failed before the commit, so it is certain that nothing of them was written.
    failed: AtomicBool,
}

struct TakenBatch<J: BatchJob> {
    jobs: Vec<J>,
    answers: Mutex<Vec<ResultSender<J>>>,
}

impl<J: BatchJob> InFlightBatch<J> {
    /// Takes them from those that wait, the first time.
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
            J::run(txn, one).await?.pop().unwrap_or_else(|| Err(Error::internal("a job was left without an outcome")))
        })
    });
    let written = AssertUnwindSafe(one).catch_unwind().await;
    written.unwrap_or_else(|_| Err(Error::internal("a database job panicked")))
}

/// The error itself for the first, and what it says for the others.
fn fan_out_error<T>(error: Error, count: usize) -> Vec<Result<T, Error>> {
    let (code, message, cause) = (error.code, error.message.clone(), format!("{error:?}"));
    let others = std::iter::repeat_with(|| Err(Error::new(code, message.clone()).with_source(cause.clone())));
    std::iter::once(Err(error)).chain(others).take(count).collect()
}
