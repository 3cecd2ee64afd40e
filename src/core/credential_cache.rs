//! The credential cache: credentials that were validated within the last second.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::viewer::Identity;

/// A cache from the keyed hash of a credential to its identity and expiry time. It saves a query for each of the many
/// requests that one client sends per second. Changes by this server invalidate entries immediately (see
/// `account::announce_sessions`); changes by another server take effect within one second, the lifetime of an entry.
pub type CredentialCache = moka::sync::Cache<[u8; 32], (Identity, DateTime<Utc>)>;

/// Lifetime of an entry: no longer than a deactivation may take to have effect.
const TTL: Duration = Duration::from_secs(1);
const MAX_ENTRIES: u64 = 100_000;

/// Returns an empty cache.
pub fn credential_cache() -> CredentialCache {
    moka::sync::Cache::builder().time_to_live(TTL).max_capacity(MAX_ENTRIES).support_invalidation_closures().build()
}
