//! `[database]`: the database connection.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::infra::config::addresses::url_without_credentials;

/// `[database]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://..` or `postgres://..`; if empty, SQLite in `data.dir`. May contain a password.
    #[serde(serialize_with = "url_without_credentials")]
    pub url: SecretString,
    /// The maximum number of connections (of readers, on SQLite).
    pub max_connections: u32,
    /// The timeout for a connection, or for another process that has locked the file.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// Whether pending migrations are applied at start.
    pub migrate: bool,
}
