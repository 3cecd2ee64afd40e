//! Budgets of operations: the time of the selection, the size of the response and of the rows that it reads, and the
//! number of lists that are read concurrently.
//!
//! Texts count where they are resolved, and rows where they are loaded, so that an operation that is too large is
//! aborted while it is built. Large operations also count against a budget of their owner and one of the server until
//! the client has the response: their memory is bounded, whatever their number and however slowly clients read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::sleep;

use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};
use crate::infra::config::Config;

/// Maximum size of an operation that does not count as large, in bytes, and the step in which large ones count.
const SMALL: usize = 256 << 10;
/// Estimated size of a value in a response tree, in addition to its text, in bytes.
const VALUE: usize = 100;
/// Maximum number of lists that one operation reads concurrently.
const OWN_LISTS: usize = 2;
/// Maximum size of the rows that one operation reads, of the large operations of one owner, and of all large
/// operations, as multiples of the maximum response size.
const ROWS: usize = 2;
const OF_ONE_OWNER: usize = 8;
const OF_ALL: usize = 32;

/// The limits and counters that all operations share.
pub(crate) struct Budgets {
    /// Maximum size of one response, in bytes.
    max_bytes: usize,
    /// Timeout of a query, or of the selection of a mutation or an event.
    timeout: Duration,
    /// Permits for concurrent reads of lists, which leave database connections free for everything else.
    lists: Semaphore,
    large: Mutex<Large>,
}

/// The size of the large operations in progress, in bytes.
#[derive(Default)]
struct Large {
    total: usize,
    by_owner: HashMap<OperationOwner, usize>,
}

/// The client whose share an operation counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OperationOwner {
    /// A user, with any credential.
    User(UserId),
    /// An anonymous client.
    Address(Option<ClientIp>),
}

impl OperationOwner {
    pub(crate) fn of(viewer: Viewer, origin: &ClientInfo) -> Self {
        match viewer {
            Viewer::User(identity) => Self::User(identity.id),
            Viewer::Anonymous => Self::Address(origin.address),
        }
    }
}

impl Budgets {
    /// Returns the budgets of a configuration.
    pub(crate) fn of(config: &Config) -> Arc<Self> {
        let lists = Semaphore::new((config.database.max_connections as usize / 2).max(1));
        let (max_bytes, timeout) = (config.graphql.max_response_bytes, config.graphql.query_timeout);
        Arc::new(Self { max_bytes, timeout, lists, large: Mutex::default() })
    }

    /// Returns the budget of one operation with this cost.
    pub(crate) fn begin(self: &Arc<Self>, kind: OperationType, cost: usize, owner: OperationOwner) -> Arc<Budget> {
        Arc::new(Budget {
            shared: self.clone(),
            kind,
            owner,
            values: cost.saturating_mul(VALUE),
            lists: Semaphore::new(OWN_LISTS),
            texts: AtomicUsize::new(0),
            rows: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            excess: Mutex::new(None),
            exceeded: Notify::new(),
        })
    }
}

/// The limit that an operation exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    /// The timeout of its selection.
    Time,
    /// The size of its response.
    Answer,
    /// The size of the rows that it reads.
    Rows,
    /// The total size of large operations in progress.
    Large,
}

/// The budget of one operation; for a subscription, of each event.
pub(crate) struct Budget {
    shared: Arc<Budgets>,
    kind: OperationType,
    owner: OperationOwner,
    /// Estimated size of the values of the response, without their texts, in bytes.
    values: usize,
    /// Permits for concurrent reads of lists by this operation.
    lists: Semaphore,
    /// Size of the texts in the response, in bytes.
    texts: AtomicUsize,
    /// Size of the rows that were read, in bytes.
    rows: AtomicUsize,
    /// Size that is counted among the large operations, in bytes.
    reserved: AtomicUsize,
    excess: Mutex<Option<Excess>>,
    exceeded: Notify,
}

impl Budget {
    /// Returns the maximum size of the response, in bytes.
    pub(crate) fn max_bytes(&self) -> usize {
        self.shared.max_bytes
    }

    /// Runs a selection within the budget. Drops it as soon as it exceeds a limit.
    ///
    /// # Errors
    /// TIMEOUT, PAYLOAD_TOO_LARGE or RATE_LIMITED, with a message that names the limit.
    pub(crate) async fn run<T>(&self, selection: impl Future<Output = T>) -> Result<T, Error> {
        if self.kind == OperationType::Subscription {
            self.begin_event();
        }
        self.reserve();
        let done = tokio::select! {
            biased;
            done = selection => Some(done),
            () = self.exceeded.notified() => None,
            () = sleep(self.shared.timeout) => None,
        };
        let excess = *self.excess.lock().unwrap_or_else(PoisonError::into_inner);
        match (done, excess) {
            (Some(done), None) => Ok(done),
            (_, excess) => Err(self.error(excess.unwrap_or(Excess::Time))),
        }
    }

    /// Counts a text of the response. Returns false if it does not fit.
    pub(crate) fn write(&self, bytes: usize) -> bool {
        self.draw(&self.texts, bytes, self.shared.max_bytes, Excess::Answer)
    }

    /// Counts rows that were read, in bytes.
    pub(crate) fn read(&self, bytes: usize) {
        self.draw(&self.rows, bytes, self.shared.max_bytes.saturating_mul(ROWS), Excess::Rows);
    }

    /// Waits for the permits to read a list, which are held while it is read.
    pub(crate) async fn list(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        // Neither semaphore is ever closed. The own permits first: an operation with many lists must not block other
        // ones.
        let own = self.lists.acquire().await.ok()?;
        Some([own, self.shared.lists.acquire().await.ok()?])
    }

    /// Returns the error of a response that turns out too large when it is serialized.
    pub(crate) fn too_large(&self) -> Error {
        self.error(Excess::Answer)
    }

    fn draw(&self, counter: &AtomicUsize, bytes: usize, max: usize, excess: Excess) -> bool {
        let used = counter.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used > max {
            self.fail(excess);
            return false;
        }
        self.reserve()
    }

    /// Counts the current usage among the large operations, if it is large. Returns false if they are at their limit.
    fn reserve(&self) -> bool {
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        // Each text is in memory twice: in the response tree, and in its serialized form.
        let used = self.values.saturating_add(2 * load(&self.texts)).saturating_add(load(&self.rows));
        if used <= load(&self.reserved).max(SMALL) {
            return true;
        }
        let mut large = self.shared.large.lock().unwrap_or_else(PoisonError::into_inner);
        let more = used.next_multiple_of(SMALL).saturating_sub(load(&self.reserved));
        let of_owner = large.by_owner.get(&self.owner).copied().unwrap_or_default() + more;
        let max = self.shared.max_bytes;
        if of_owner > max.saturating_mul(OF_ONE_OWNER) || large.total + more > max.saturating_mul(OF_ALL) {
            drop(large);
            self.fail(Excess::Large);
            return false;
        }
        large.total += more;
        large.by_owner.insert(self.owner, of_owner);
        self.reserved.fetch_add(more, Ordering::Relaxed);
        true
    }

    fn release(&self) {
        let reserved = self.reserved.swap(0, Ordering::Relaxed);
        if reserved == 0 {
            return;
        }
        let mut large = self.shared.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.total = large.total.saturating_sub(reserved);
        if let Some(of_owner) = large.by_owner.get_mut(&self.owner) {
            *of_owner = of_owner.saturating_sub(reserved);
            if *of_owner == 0 {
                large.by_owner.remove(&self.owner);
            }
        }
    }

    /// Resets the counters, which are still those of the previous event.
    fn begin_event(&self) {
        self.release();
        self.texts.store(0, Ordering::Relaxed);
        self.rows.store(0, Ordering::Relaxed);
        *self.excess.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn fail(&self, excess: Excess) {
        self.excess.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(excess);
        self.exceeded.notify_one();
    }

    fn error(&self, excess: Excess) -> Error {
        let max = self.shared.max_bytes;
        let code = match excess {
            Excess::Time => Code::Timeout,
            Excess::Answer | Excess::Rows => Code::PayloadTooLarge,
            Excess::Large => Code::RateLimited,
        };
        // A mutation takes effect before its selection is resolved.
        let message = match (excess, self.kind == OperationType::Mutation) {
            (Excess::Time, false) => "The query took too long.".to_owned(),
            (Excess::Time, true) => "The mutation was carried out, but its selection took too long.".to_owned(),
            (Excess::Answer, false) => {
                format!("The response has more than {max} bytes. Select less, or request smaller pages.")
            }
            (Excess::Answer, true) => {
                format!("The mutation was carried out, but its response has more than {max} bytes. Select less.")
            }
            (Excess::Rows, false) => {
                let max = max.saturating_mul(ROWS);
                format!("The operation reads rows of more than {max} bytes. Request smaller pages.")
            }
            (Excess::Rows, true) => {
                let max = max.saturating_mul(ROWS);
                format!("The mutation was carried out, but it selects rows of more than {max} bytes. Select less.")
            }
            (Excess::Large, false) => "Too many large responses are in progress. Try again later.".to_owned(),
            (Excess::Large, true) => {
                "The mutation was carried out, but too many large responses are in progress to return one.".to_owned()
            }
        };
        Error::new(code, message)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests;
