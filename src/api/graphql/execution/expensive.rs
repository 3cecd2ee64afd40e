//! A worker thread of lower priority for expensive work: parsing large requests, and executing operations with a high
//! cost.
//!
//! Futures run on it as on the runtime, with its connections and timers; only their CPU time is spent on this thread.
//! So the scheduler of the operating system shares the processors between it and the runtime's threads, which take
//! precedence, and no request waits for an expensive one.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, poll_fn};
use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use super::budget::OperationOwner;
use crate::core::error::Error;
use crate::core::throttle::{ConcurrencyLimit, Permit};

/// Maximum number of concurrent expensive operations: of one client, of all clients.
const OF_ONE_OWNER: u64 = 16;
const OF_ALL: usize = 128;
/// The niceness of the worker thread: the runtime's threads take precedence.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

type Job = BoxFuture<'static, ()>;

/// The worker thread. It starts on first use, and ends when this is dropped.
pub(crate) struct Expensive {
    jobs: OnceLock<mpsc::UnboundedSender<Job>>,
    permits: ConcurrencyLimit<OperationOwner>,
}

impl Expensive {
    pub(crate) fn new() -> Self {
        Self { jobs: OnceLock::new(), permits: ConcurrencyLimit::new(OF_ONE_OWNER, OF_ALL) }
    }

    /// Takes a permit for an expensive operation.
    ///
    /// # Errors
    /// RATE_LIMITED if all permits are taken.
    pub(crate) fn permit(&self, owner: OperationOwner) -> Result<Permit<OperationOwner>, Error> {
        let message = "Too many expensive operations are in progress. Try again later, or request smaller pages.";
        self.permits.take(owner).map_err(|_| Error::rate_limited(message, 1))
    }

    /// Runs a future on the worker thread. Dropping the returned future drops it.
    ///
    /// # Errors
    /// INTERNAL if it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (mut done, outcome) = oneshot::channel();
        self.submit(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = done.closed() => return,
            };
            done.send(outcome).ok();
        });
        outcome.await.map_err(|error| Error::internal(error))
    }

    /// Runs a stream on the worker thread, one item at a time. Dropping the returned stream drops it.
    pub(crate) fn stream<T: Send + 'static>(&self, mut items: BoxStream<'static, T>) -> BoxStream<'static, T> {
        let (sender, mut receiver) = mpsc::channel(1);
        self.submit(async move {
            loop {
                let item = tokio::select! {
                    item = items.next() => item,
                    () = sender.closed() => return,
                };
                let Some(item) = item else { return };
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
        poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }

    fn submit(&self, work: impl Future<Output = ()> + Send + 'static) {
        // A panic ends only its own job, not the other jobs of the thread.
        let job = AssertUnwindSafe(work).catch_unwind().map(|_| ()).in_current_span().boxed();
        // If the thread has ended, the job is dropped, which its caller notices.
        self.jobs.get_or_init(start).send(job).ok();
    }
}

fn start() -> mpsc::UnboundedSender<Job> {
    let (jobs, receiver) = mpsc::unbounded_channel();
    let server = Handle::current();
    let thread = std::thread::Builder::new().name("graphql".to_owned());
    let started = thread.spawn(move || {
        lower_priority();
        server.block_on(work(receiver));
    });
    if let Err(error) = started {
        tracing::error!(%error, "GraphQL worker thread failed to start");
    }
    jobs
}

async fn work(mut receiver: mpsc::UnboundedReceiver<Job>) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = receiver.recv() => match job {
                Some(job) => running.push(job),
                None => return,
            },
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
}

fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "GraphQL worker thread: failed to lower the priority");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::core::ids::UserId;

    #[tokio::test]
    async fn work_is_done_elsewhere_and_panics_end_alone() {
        let expensive = Expensive::new();
        let elsewhere = async { std::thread::current().name().map(str::to_owned) };
        assert_eq!(expensive.run(elsewhere).await.unwrap().as_deref(), Some("graphql"));
        let timed = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            7
        };
        assert_eq!(expensive.run(timed).await.unwrap(), 7, "with the timers of the server");
        assert!(expensive.run(async { panic!("as a test wants") }).await.is_err());
        let items: Vec<_> = expensive.stream(futures::stream::iter([1, 2, 3]).boxed()).collect().await;
        assert_eq!(items, [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_dropped() {
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (expensive, dropped) = (Expensive::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Counted(dropped.clone());
        let forever = expensive.run(async move {
            let _counted = counted;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), forever).await.is_err());
        let seen = async {
            while dropped.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.expect("it is dropped");
        assert_eq!(expensive.run(async { 1 }).await.unwrap(), 1);
    }

    #[test]
    fn one_client_has_so_many_places() {
        let expensive = Expensive::new();
        let taken: Vec<_> = (0..OF_ONE_OWNER).map(|_| expensive.permit(OperationOwner::User(UserId(1))).ok()).collect();
        assert!(taken.iter().all(Option::is_some) && expensive.permit(OperationOwner::User(UserId(1))).is_err());
        assert!(expensive.permit(OperationOwner::User(UserId(2))).is_ok());
        drop(taken);
        assert!(expensive.permit(OperationOwner::User(UserId(1))).is_ok());
    }
}
