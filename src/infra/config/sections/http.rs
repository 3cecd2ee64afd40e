//! `[http]`: the HTTP server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[http]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The listen address and port.
    pub listen: SocketAddr,
    /// Whether clients use TLS that a proxy terminates.
    pub tls: bool,
    /// The PEM file of the certificate chain; if `None`, this server does not terminate TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    /// The PEM file of the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The `max-age` of `Strict-Transport-Security`; 0 for no such header.
    #[serde(with = "humantime_serde")]
    pub hsts: Duration,
    /// Origins of cross-origin pages that may call the API with a token of their own (CORS).
    pub cors_origins: Vec<String>,
    /// The maximum request body, in bytes.
    pub max_body_bytes: usize,
    /// The maximum of all large request bodies in memory, in bytes.
    pub max_inflight_body_bytes: usize,
    /// The maximum of those of one client, in bytes: of a user at `/v1`, else of an address.
    pub max_inflight_body_bytes_per_client: usize,
    /// The rate at which one client may send large request bodies, in bytes per second.
    pub body_bytes_per_second_per_client: usize,
    /// Networks of proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which these proxies send the client address.
    pub client_address: ClientAddress,
    /// The maximum number of open connections.
    pub max_connections: usize,
    /// The maximum number of open connections per address.
    pub max_connections_per_address: u64,
    /// The timeout for the headers of a request, and for an idle connection.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// The timeout for the body of a request.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// The timeout for a client that reads next to nothing of a response.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How long new connections are still accepted after a shutdown signal.
    #[serde(with = "humantime_serde")]
    pub shutdown_delay: Duration,
    /// How long open turns may take to finish after that.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

/// The header in which proxies send the client address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Http {
    /// Returns whether clients reach this server over TLS, which is terminated here or at a proxy.
    pub fn is_tls(&self) -> bool {
        self.tls || self.tls_certificate.is_some()
    }

    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        if self.write_timeout.is_zero() {
            return Err("http.write_timeout: longer than 0".to_owned());
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err("http.tls_certificate and http.tls_key: both, or neither".to_owned());
        }
        for origin in &self.cors_origins {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            let is_web = ["http", "https"].contains(&scheme) && !host.is_empty();
            if !is_web
                || host.contains(['/', '*', '?', '#', '@', ' '])
                || !origin.is_ascii()
                || *origin != origin.to_lowercase()
            {
                return Err(format!(
                    "http.cors_origins: \"{origin}\" is not an origin like \"https://chat.example\" (in lower case, \
                     without a path)"
                ));
            }
        }
        Ok(())
    }
}
