//! A byte budget that several owners share.
//!
//! Reservations never wait: one that does not fit is rejected immediately, so that no reservation can block another.
//! Two limits apply to an owner: a fixed share, and as many bytes as remain free for all other owners. So `n` owners
//! that take all they can get leave the fraction 1 / (`n` + 1) for the next one (the dynamic thresholds of Choudhury
//! and Hahne).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A byte budget. Clones share it.
#[derive(Clone)]
pub struct ByteBudget<K> {
    total: usize,
    share: usize,
    used: Arc<Mutex<Used<K>>>,
}

struct Used<K> {
    by_owner: HashMap<K, usize>,
    total: usize,
}

/// A reservation of bytes; dropping it releases them.
pub struct Reservation<K: Copy + Eq + Hash> {
    budget: ByteBudget<K>,
    owner: K,
    bytes: usize,
}

/// The limit of a budget that a reservation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The owner's share.
    Owner,
    /// The free bytes of the whole budget.
    Total,
}

impl<K: Copy + Eq + Hash> ByteBudget<K> {
    /// Creates a budget of `total` bytes, of which one owner gets at most `share`.
    pub fn new(total: usize, share: usize) -> Self {
        Self { total, share, used: Arc::new(Mutex::new(Used { by_owner: HashMap::new(), total: 0 })) }
    }

    /// Reserves bytes for an owner.
    ///
    /// # Errors
    /// The limit that they exceed; nothing is reserved then.
    pub fn reserve(&self, owner: K, bytes: usize) -> Result<Reservation<K>, Exhausted> {
        self.take(owner, bytes)?;
        Ok(Reservation { budget: self.clone(), owner, bytes })
    }

    /// Returns the number of reserved bytes.
    pub fn in_use(&self) -> usize {
        self.lock().total
    }

    fn take(&self, owner: K, bytes: usize) -> Result<(), Exhausted> {
        let mut used = self.lock();
        let own = used.by_owner.get(&owner).copied().unwrap_or_default().saturating_add(bytes);
        if own > self.share {
            return Err(Exhausted::Owner);
        }
        let total = used.total.saturating_add(bytes);
        if own > self.total.saturating_sub(total) {
            return Err(Exhausted::Total);
        }
        used.by_owner.insert(owner, own);
        used.total = total;
        Ok(())
    }

    fn release(&self, owner: K, bytes: usize) {
        let mut used = self.lock();
        used.total = used.total.saturating_sub(bytes);
        if let Some(own) = used.by_owner.get_mut(&owner) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                used.by_owner.remove(&owner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used<K>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Reservation<K> {
    /// Returns the number of bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more bytes.
    ///
    /// # Errors
    /// As [`ByteBudget::reserve`]; the reservation keeps its size then.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.budget.take(self.owner, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Releases the bytes beyond this number.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.budget.release(self.owner, excess);
        self.bytes -= excess;
    }
}

impl<K: Copy + Eq + Hash> Drop for Reservation<K> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests;
