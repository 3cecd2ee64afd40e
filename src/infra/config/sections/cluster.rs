//! `[cluster]`: the message bus between cluster members.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::infra::config::addresses::url_without_credentials;

/// `[cluster]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// `redis://..` or `rediss://..`: the message bus between servers; if empty, there is one server. May contain a
    /// password.
    #[serde(serialize_with = "url_without_credentials")]
    pub redis: SecretString,
}

impl Cluster {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        let url = self.redis.expose_secret();
        if url.is_empty() || ["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Ok(());
        }
        Err("cluster.redis: an address is needed, such as \"redis://host:6379\", or \"rediss://..\" for TLS".to_owned())
    }
}
