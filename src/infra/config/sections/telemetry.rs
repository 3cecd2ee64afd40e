//! `[telemetry]`: tracing.

use serde::{Deserialize, Serialize};

use crate::infra::config::addresses::{as_public_url, public_url};

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The URL of the OTLP collector, without `/v1/traces`; if empty, no spans are exported.
    #[serde(serialize_with = "as_public_url")]
    pub otlp_endpoint: String,
}

impl Telemetry {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        let endpoint = &self.otlp_endpoint;
        if endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://") {
            return Ok(());
        }
        let endpoint = public_url(endpoint);
        Err(format!("telemetry.otlp_endpoint: \"{endpoint}\" does not begin with http:// or https://"))
    }
}
