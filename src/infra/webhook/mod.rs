//! Webhooks: the snapshot of those that are set up, and the client that sends to them.

mod address;
mod client;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub use self::address::is_public;
pub use self::client::{Attempt, Client, Message};
use crate::core::random::Random;
use crate::core::tokens::Tokens;
use crate::infra::config;
use crate::infra::entity::webhook::{self, Event};

/// The webhooks as this server knows them.
pub struct Webhooks {
    known: RwLock<Arc<[Subscriber]>>,
    low_balance: Tokens,
    random: Random,
    client: Client,
    queue: Queue,
}

/// A webhook, with the events that it receives.
pub struct Subscriber {
    /// The row.
    pub row: webhook::Model,
    events: Vec<Event>,
}

/// What a transaction needs to write events: the webhooks as of its beginning. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    known: Arc<[Subscriber]>,
    /// The balance below which it is low; 0 for none.
    pub low_balance: Tokens,
    random: Random,
}

/// The pending deliveries at the last look, for metrics.
#[derive(Default)]
pub struct Queue {
    length: AtomicU64,
    /// Seconds.
    age: AtomicI64,
}

impl Queue {
    /// Sets the number of pending deliveries, and the age of the oldest one in seconds.
    pub fn set(&self, length: u64, age: i64) {
        self.length.store(length, Ordering::Relaxed);
        self.age.store(age, Ordering::Relaxed);
    }

    /// Returns the number of pending deliveries, and the age of the oldest one in seconds.
    pub fn get(&self) -> (u64, i64) {
        (self.length.load(Ordering::Relaxed), self.age.load(Ordering::Relaxed))
    }
}

impl Webhooks {
    /// Creates an empty snapshot.
    pub fn new(config: &config::Webhooks, low_balance: Tokens, random: Random) -> Self {
        let known = RwLock::new(Arc::from([]));
        Self { known, low_balance, random, client: Client::new(config), queue: Queue::default() }
    }

    /// Replaces the snapshot.
    pub fn replace(&self, rows: Vec<webhook::Model>) {
        let subscriber = |row: webhook::Model| Subscriber { events: row.events(), row };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = rows.into_iter().map(subscriber).collect();
    }

    /// Returns all webhooks, disabled ones included.
    pub fn all(&self) -> Arc<[Subscriber]> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what a transaction needs to write events.
    pub fn outbox(&self) -> Outbox {
        Outbox { known: self.all(), low_balance: self.low_balance, random: self.random.clone() }
    }

    /// Returns the client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the pending deliveries at the last look.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }
}

impl Outbox {
    /// Returns the webhooks that receive an event. Costs nothing if none is set up.
    pub fn receivers(&self, event: Event) -> impl Iterator<Item = &webhook::Model> {
        let receives = move |one: &&Subscriber| one.row.enabled && one.events.contains(&event);
        self.known.iter().filter(receives).map(|one| &one.row)
    }

    /// Returns whether any webhook receives an event.
    pub fn wants(&self, event: Event) -> bool {
        self.receivers(event).next().is_some()
    }

    /// Returns a new id of an event. It has no full stop, as its signature requires.
    pub fn new_id(&self) -> String {
        format!("msg_{}", self.random.hex128())
    }

    /// Returns whether a change of a balance, reserved tokens included, makes it low: from the threshold or above to below
    /// it.
    pub fn becomes_low(&self, before: Tokens, after: Tokens) -> bool {
        before >= self.low_balance && after < self.low_balance
    }
}
