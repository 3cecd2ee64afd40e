//! The operations of one socket, running and queued, within their maximum numbers. They are authenticated by the
//! connection, not here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::super::super::execution::answer::Answer;
use super::super::super::execution::operation::Operation;

/// Maximum number of concurrent subscriptions on one socket.
const MAX_SUBSCRIPTIONS: usize = 100;
/// Maximum number of concurrent queries and mutations on one socket; more of them are queued.
const MAX_RUNNING: usize = 100;
/// Maximum number of queued queries and mutations on one socket.
const MAX_QUEUED: usize = 1000;
/// Maximum size of the messages of queued operations, in bytes.
const MAX_QUEUED_BYTES: usize = 64 << 10;

/// The operations of one socket. Dropping it aborts them.
pub(super) struct Operations {
    running: HashMap<Arc<str>, ActiveOperation>,
    /// Queued queries and mutations, in order of arrival.
    queue: VecDeque<QueuedOperation>,
    /// The number of operations started so far.
    started: u64,
    sender: mpsc::Sender<OperationOutput>,
    receiver: mpsc::Receiver<OperationOutput>,
}

/// The output of an operation.
pub(super) struct OperationOutput {
    /// The client's id of the operation.
    pub(super) id: Arc<str>,
    /// The number of the operation, which distinguishes it from earlier ones with the same id.
    number: u64,
    /// A response; `None` once the operation is complete.
    pub(super) answer: Option<Answer>,
}

impl OperationOutput {
    /// Returns whether no output follows: the operation is complete, or it was not executed.
    fn is_last(&self) -> bool {
        self.answer.as_ref().is_none_or(|answer| !answer.executed)
    }
}

/// A running operation. Dropping it aborts the operation.
struct ActiveOperation {
    number: u64,
    is_subscription: bool,
    _task: AbortOnDropHandle<()>,
}

/// An operation that waits to be started.
pub(super) struct QueuedOperation {
    pub(super) id: String,
    pub(super) operation: Operation,
    /// Size of its message, in bytes.
    pub(super) bytes: usize,
}

impl Operations {
    pub(super) fn new() -> Self {
        // No operation is ahead of the client by more than one response.
        let (sender, receiver) = mpsc::channel(1);
        Self { running: HashMap::new(), queue: VecDeque::new(), started: 0, sender, receiver }
    }

    /// Returns whether an operation with this id is running or queued.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id) || self.queue.iter().any(|queued| queued.id == id)
    }

    /// Checks that one more operation, with a message of this size, may run or be queued.
    ///
    /// # Errors
    /// A message that names the limit.
    pub(super) fn check_room(&self, kind: OperationType, bytes: usize) -> Result<(), String> {
        if kind == OperationType::Subscription {
            if self.count(true) >= MAX_SUBSCRIPTIONS {
                return Err(format!("At most {MAX_SUBSCRIPTIONS} concurrent subscriptions on one socket."));
            }
            return Ok(());
        }
        let queued_bytes = self.queue.iter().map(|queued| queued.bytes).sum::<usize>() + bytes;
        let is_full = self.queue.len() >= MAX_QUEUED || queued_bytes > MAX_QUEUED_BYTES;
        if self.count(false) >= MAX_RUNNING && is_full {
            return Err(format!("Too many operations: {MAX_RUNNING} run on this socket, and its queue is full."));
        }
        Ok(())
    }

    /// Queues a query or a mutation.
    pub(super) fn push(&mut self, operation: QueuedOperation) {
        self.queue.push_back(operation);
    }

    /// Takes the next queued operation, if it may be started.
    pub(super) fn pop(&mut self) -> Option<QueuedOperation> {
        if self.count(false) < MAX_RUNNING { self.queue.pop_front() } else { None }
    }

    /// Starts an operation in a task of its own.
    pub(super) fn start(
        &mut self,
        tasks: &TaskTracker,
        id: String,
        kind: OperationType,
        mut answers: BoxStream<'static, Answer>,
    ) {
        self.started += 1;
        let (id, number, sender) = (Arc::<str>::from(id), self.started, self.sender.clone());
        let of = id.clone();
        let task = tasks.spawn(async move {
            loop {
                let answer = answers.next().await;
                let is_complete = answer.is_none();
                let output = OperationOutput { id: of.clone(), number, answer };
                if sender.send(output).await.is_err() || is_complete {
                    return;
                }
            }
        });
        let is_subscription = kind == OperationType::Subscription;
        self.running.insert(id, ActiveOperation { number, is_subscription, _task: AbortOnDropHandle::new(task) });
    }

    /// Aborts an operation, running or queued, if there is one with this id.
    pub(super) fn abort(&mut self, id: &str) {
        self.running.remove(id);
        self.queue.retain(|queued| queued.id != id);
    }

    /// Waits for the next output of a running operation. Can be cancelled.
    pub(super) async fn next_output(&mut self) -> Option<OperationOutput> {
        loop {
            let output = self.receiver.recv().await?;
            // Late responses of operations that the client has completed are dropped.
            if self.running.get(&output.id).is_some_and(|running| running.number == output.number) {
                if output.is_last() {
                    self.running.remove(&output.id);
                }
                return Some(output);
            }
        }
    }

    /// Returns the number of running subscriptions, or of other running operations.
    fn count(&self, subscriptions: bool) -> usize {
        self.running.values().filter(|running| running.is_subscription == subscriptions).count()
    }
}
