//! Concurrency limits, by owner and in total.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A concurrency limit: a maximum for each owner, and a maximum in total. Clones share it.
#[derive(Clone)]
pub struct ConcurrencyLimit<K> {
    taken: Arc<Mutex<PermitCounts<K>>>,
}

struct PermitCounts<K> {
    by_owner: HashMap<K, u64>,
    total: usize,
    max_per_owner: u64,
    max_total: usize,
}

/// A permit; dropping it releases it.
pub struct Permit<K: Eq + Hash> {
    owner: K,
    taken: Arc<Mutex<PermitCounts<K>>>,
}

/// The limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// The maximum of one owner.
    Owner,
    /// The maximum in total.
    Total,
}

impl<K: Clone + Eq + Hash> ConcurrencyLimit<K> {
    /// Creates a limit of `per_owner` permits for each owner, and of `total` in all.
    pub fn new(per_owner: u64, total: usize) -> Self {
        let none = PermitCounts { by_owner: HashMap::new(), total: 0, max_per_owner: per_owner, max_total: total };
        Self { taken: Arc::new(Mutex::new(none)) }
    }

    /// Changes the limits. Permits that are taken stay, and count.
    pub fn reconfigure(&self, per_owner: u64, total: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (taken.max_per_owner, taken.max_total) = (per_owner, total);
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn take(&self, owner: K) -> Result<Permit<K>, LimitExceeded> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= taken.max_total {
            return Err(LimitExceeded::Total);
        }
        let most = taken.max_per_owner;
        let own = taken.by_owner.entry(owner.clone()).or_default();
        if *own >= most {
            return Err(LimitExceeded::Owner);
        }
        *own += 1;
        taken.total += 1;
        Ok(Permit { owner, taken: self.taken.clone() })
    }

    /// Returns the number of permits taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(own) = taken.by_owner.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.by_owner.remove(&self.owner);
            }
        }
    }
}
