//! A cache of credentials that were valid a moment ago.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::viewer::Identity;

/// A cache from the keyed hash of a credential to its identity and expiry time. It saves a query for each of the many
/// requests that one client sends in a second. What this server changes is invalidated at once (see
/// `account::announce_sessions`); what another server changes takes effect within [`TTL`].
pub type CredentialCache = moka::sync::Cache<[u8; 32], (Identity, DateTime<Utc>)>;

/// How long an entry is valid: no longer than a deactivation may take to have its effect.
const TTL: Duration = Duration::from_secs(1);
const MAX_ENTRIES: u64 = 100_000;

/// Returns an empty cache.
pub fn credential_cache() -> CredentialCache {
    moka::sync::Cache::builder().time_to_live(TTL).max_capacity(MAX_ENTRIES).support_invalidation_closures().build()
}
