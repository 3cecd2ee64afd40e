//! The bounds of running an operation: the time that its selection takes, the bytes of its answer and of the rows that
//! it reads, and the lists that are read at once.
//!
//! Texts draw on the budget where they are resolved, and rows where they are loaded, so that what is too large ends while
//! it is built. Large operations draw on a budget of their owner and one of the server besides, until the client has the
//! answer: however many there are at once, and however slowly they are read, their memory is bounded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::sleep;

use crate::core::error::{Code, Error};
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};
use crate::infra::config::Config;

/// Operations that take no more are not counted among the large ones; those that do are counted in steps of this size.
const SMALL: usize = 256 << 10;
/// Bytes of a value in the tree of an answer, beside its text.
const VALUE: usize = 100;
/// Lists that one operation reads at once.
const OWN_LISTS: usize = 2;
/// The rows that one operation reads, the large answers of one owner, and those of all, in answers of the largest size.
const ROWS: usize = 2;
const OF_ONE_OWNER: usize = 8;
const OF_ALL: usize = 32;

/// What all operations share.
pub(super) struct Budgets {
    /// Bytes of one answer at most.
    max_bytes: usize,
    /// The longest time of a query, or of what a mutation or an event selects.
    timeout: Duration,
    /// Lists that are read at once: others than readers of lists find connections to the database too.
    lists: Semaphore,
    large: Mutex<Large>,
}

/// Bytes of large operations under way.
#[derive(Default)]
struct Large {
    total: usize,
    by_owner: HashMap<Owner, usize>,
}

/// The client of an operation, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// A user, by any credential.
    User(i64),
    /// An anonymous client.
    Address(Option<ClientIp>),
}

impl Owner {
    pub(super) fn of(viewer: Viewer, origin: &ClientInfo) -> Self {
        match viewer {
            Viewer::User(identity) => Self::User(identity.id),
            Viewer::Anonymous => Self::Address(origin.address),
        }
    }
}

impl Budgets {
    /// As the configuration has them.
    pub(super) fn of(config: &Config) -> Arc<Self> {
        let lists = Semaphore::new((config.database.max_connections as usize / 2).max(1));
        let (max_bytes, timeout) = (config.graphql.max_response_bytes, config.graphql.query_timeout);
        Arc::new(Self { max_bytes, timeout, lists, large: Mutex::default() })
    }

    /// The budget of one operation with this cost.
    pub(super) fn begin(self: &Arc<Self>, kind: OperationType, cost: usize, owner: Owner) -> Arc<Budget> {
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

/// What an operation had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    /// Its selection took too long.
    Time,
    /// Its answer is too large.
    Answer,
    /// The rows that it reads are too large.
    Rows,
    /// Too many large answers are under way.
    Large,
}

/// The budget of one operation; of a subscription, that of each of its events.
pub(super) struct Budget {
    shared: Arc<Budgets>,
    kind: OperationType,
    owner: Owner,
    /// Bytes of the values of the answer at most, beside their texts.
    values: usize,
    /// Lists of this operation that are read at once.
    lists: Semaphore,
    /// Bytes of texts in the answer.
    texts: AtomicUsize,
    /// Bytes of rows that were read.
    rows: AtomicUsize,
    /// Bytes that are counted among those of large operations.
    reserved: AtomicUsize,
    excess: Mutex<Option<Excess>>,
    exceeded: Notify,
}

impl Budget {
    /// Bytes of the answer at most.
    pub(super) fn max_bytes(&self) -> usize {
        self.shared.max_bytes
    }

    /// Runs a selection within the budget. What is too long or too large is dropped where it is.
    ///
    /// # Errors
    /// TIMEOUT, PAYLOAD_TOO_LARGE or RATE_LIMITED, with words that name the limit.
    pub(super) async fn run<T>(&self, selection: impl Future<Output = T>) -> Result<T, Error> {
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

    /// Counts a text of the answer; false where it does not fit into it any more.
    pub(super) fn write(&self, bytes: usize) -> bool {
        self.draw(&self.texts, bytes, self.shared.max_bytes, Excess::Answer)
    }

    /// Counts rows that were read.
    pub(super) fn read(&self, bytes: usize) {
        self.draw(&self.rows, bytes, self.shared.max_bytes.saturating_mul(ROWS), Excess::Rows);
    }

    /// Waits until a list may be read, which is while the permits are kept.
    pub(super) async fn list(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        // Neither is ever closed. An operation with very many lists does not stand in the way of others.
        let own = self.lists.acquire().await.ok()?;
        Some([own, self.shared.lists.acquire().await.ok()?])
    }

    /// The error of an answer that is too large when it is written.
    pub(super) fn too_large(&self) -> Error {
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

    /// Counts what is used so far among the large operations, where it is large.
    fn reserve(&self) -> bool {
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        // A text is in the tree of the answer, and once more in what is written of it.
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

    /// Nothing is left of the event before.
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
        // What a mutation does is done before anything is selected of it.
        let message = match (excess, self.kind == OperationType::Mutation) {
            (Excess::Time, false) => "The query took too long.".to_owned(),
            (Excess::Time, true) => "The mutation was carried out, but what it selects took too long.".to_owned(),
            (Excess::Answer, false) => {
                format!("The answer has more than {max} bytes. Select less, or ask for shorter pages.")
            }
            (Excess::Answer, true) => {
                format!("The mutation was carried out, but its answer has more than {max} bytes. Select less.")
            }
            (Excess::Rows, false) => {
                let max = max.saturating_mul(ROWS);
                format!("The operation reads rows of more than {max} bytes. Ask for shorter pages.")
            }
            (Excess::Rows, true) => {
                let max = max.saturating_mul(ROWS);
                format!("The mutation was carried out, but it selects rows of more than {max} bytes. Select less.")
            }
            (Excess::Large, false) => "Too many large answers are under way. Try again later.".to_owned(),
            (Excess::Large, true) => {
                "The mutation was carried out, but too many large answers are under way to give one.".to_owned()
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
mod tests {
    use super::*;

    fn budgets(max_bytes: usize) -> Arc<Budgets> {
        let mut config = Config::from_toml("").unwrap();
        config.graphql.max_response_bytes = max_bytes;
        config.graphql.query_timeout = Duration::from_millis(20);
        Budgets::of(&config)
    }

    fn taken(budgets: &Budgets) -> (usize, usize) {
        let large = budgets.large.lock().unwrap();
        (large.total, large.by_owner.len())
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_long_is_dropped() {
        let budgets = budgets(1000);
        let query = || budgets.begin(OperationType::Query, 1, Owner::User(1));
        let ends = query().run(async { 5 }).await;
        assert_eq!(ends.unwrap(), 5);
        let slow = query().run(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!((slow.code, slow.message.as_str()), (Code::Timeout, "The query took too long."));
        let budget = query();
        let large = async {
            assert!(budget.write(1000));
            assert!(!budget.write(1));
            std::future::pending::<()>().await;
        };
        let large = budget.run(large).await.unwrap_err();
        assert_eq!(large.code, Code::PayloadTooLarge);
        assert!(large.message.contains("1000 bytes"), "{}", large.message);
        let budget = query();
        let rows = budget.run(async { budget.read(2001) }).await.unwrap_err();
        assert!(rows.code == Code::PayloadTooLarge && rows.message.contains("2000 bytes"), "{}", rows.message);
        let budget = budgets.begin(OperationType::Mutation, 1, Owner::User(1));
        let told = budget.run(async { budget.write(1001) }).await.unwrap_err().message;
        assert!(told.starts_with("The mutation was carried out, but"), "{told}");
    }

    #[tokio::test]
    async fn each_event_has_the_whole_budget() {
        let budget = budgets(1000).begin(OperationType::Subscription, 1, Owner::User(1));
        for _ in 0..3 {
            assert!(budget.run(async { budget.write(900) }).await.unwrap());
            assert_eq!(budget.run(async { budget.write(1900) }).await.unwrap_err().code, Code::PayloadTooLarge);
        }
    }

    #[tokio::test]
    async fn large_operations_are_bounded_by_owner_and_in_all_and_small_ones_are_not() {
        let budgets = budgets(1 << 20);
        let begin = |owner| budgets.begin(OperationType::Query, 1, Owner::User(owner));
        // A megabyte of text counts twice, among 8 of one owner.
        let large: Vec<_> = (0..4).map(|_| begin(1)).collect();
        assert!(large.iter().all(|budget| budget.write(1_000_000)));
        let refused = begin(1);
        let error = refused.run(async { refused.write(1_000_000) }).await.unwrap_err();
        assert_eq!(error.code, Code::RateLimited);
        assert!(begin(1).write(1000), "small ones go on");
        let others: Vec<_> = (2..7).flat_map(|owner| (0..3).map(move |_| owner)).map(begin).collect();
        let fit = others.iter().filter(|budget| budget.write(1_000_000)).count();
        assert_eq!(fit, 12, "32 in all");
        drop((large, others, refused));
        assert_eq!(taken(&budgets), (0, 0));
        assert!(begin(1).write(1_000_000));
        assert_eq!(taken(&budgets), (0, 0));
    }
}
