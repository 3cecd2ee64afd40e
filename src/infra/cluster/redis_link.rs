//! The state of the connection to Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use ::redis::aio::MultiplexedConnection;

/// The state of the Redis connection, shared with the shared limits.
#[derive(Default)]
pub(super) struct RedisLink {
    connection: Mutex<Option<MultiplexedConnection>>,
    pub(super) is_up: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) counted_alone: AtomicU64,
}

impl RedisLink {
    /// Returns the connection while Redis is reachable.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn connect(&self, connection: Option<MultiplexedConnection>) {
        self.is_up.store(connection.is_some(), Relaxed);
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}
