//! The sections of the configuration. The default file documents each key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::addresses::url_without_credentials;

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

/// `[data]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The directory of the SQLite database and the signing key.
    pub dir: PathBuf,
}

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

/// `[cluster]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// `redis://..` or `rediss://..`: the message bus between servers; if empty, there is one server. May contain a
    /// password.
    #[serde(serialize_with = "url_without_credentials")]
    pub redis: SecretString,
}

/// The registration policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone may register.
    Open,
    /// Only operators create accounts.
    Closed,
}

/// `[auth]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The lifetime of an access token.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// The lifetime of a refresh token, and so of an idle session.
    #[serde(with = "humantime_serde")]
    pub refresh_ttl: Duration,
    /// The registration policy.
    pub registration: Registration,
    /// The signing key of tokens; if empty, from `signing.key` in `data.dir`. At least 32 bytes.
    #[serde(serialize_with = "hidden")]
    pub secret: SecretString,
    /// Previous values of `secret`: tokens signed with one of these stay valid.
    #[serde(serialize_with = "all_hidden")]
    pub previous_secrets: Vec<SecretString>,
    /// The pepper of API key hashes; if empty, `secret`.
    #[serde(serialize_with = "hidden")]
    pub api_key_pepper: SecretString,
    /// The `iss` claim of tokens, required in each; if empty, none.
    pub issuer: String,
    /// The `aud` claim of tokens, required in each; if empty, none.
    pub audience: String,
    /// Failed attempts per username before the first delay.
    pub login_attempts_before_delay: u32,
    /// Failed attempts per address before the first delay.
    pub login_attempts_before_delay_per_address: u32,
    /// The maximum delay between two attempts for one username, or from one address.
    #[serde(with = "humantime_serde")]
    pub login_max_delay: Duration,
    /// The maximum number of concurrent password hashes; each takes 19 MiB and a core.
    pub hashing_threads: usize,
    /// The maximum number of passwords queued for verification; the same number of new ones may be queued for hashing.
    pub max_queued_hashes: usize,
}

/// `[ledger]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The initial balance of a new account, in prepaid tokens.
    pub signup_grant: i64,
    /// The maximum that a staff member may credit per day, in prepaid tokens; 0 for no limit.
    pub staff_daily_limit: i64,
}

/// `[turns]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// The maximum length of a message, in characters.
    pub max_message_chars: usize,
    /// The timeout for the first chunk of a reply.
    #[serde(with = "humantime_serde")]
    pub first_chunk_timeout: Duration,
    /// The timeout between two chunks.
    #[serde(with = "humantime_serde")]
    pub chunk_timeout: Duration,
    /// The timeout of a turn as a whole.
    #[serde(with = "humantime_serde")]
    pub turn_timeout: Duration,
    /// The interval at which the text of a growing reply is saved.
    #[serde(with = "humantime_serde")]
    pub save_interval: Duration,
    /// The lease: how long a turn counts as alive after the last heartbeat of its server.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// The maximum number of open turns per user.
    pub open_per_user: u64,
    /// The maximum number of open turns on this server.
    pub open_per_server: usize,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages per user and minute; 0 for no limit.
    pub messages_per_minute_per_user: u32,
    /// Messages per API key and minute; 0 for no limit.
    pub messages_per_minute_per_key: u32,
    /// Registrations per address and hour; 0 for no limit.
    pub registrations_per_hour_per_address: u32,
    /// Registrations per address at once, out of those of an hour.
    pub registration_burst_per_address: u32,
    /// Token refreshes per address and minute; 0 for no limit.
    pub refreshes_per_minute_per_address: u32,
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

/// `[v1]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct V1 {
    /// Whether messages and replies of these routes are stored in the history.
    pub store_api_messages: bool,
    /// The maximum request body, in bytes.
    pub max_body_bytes: usize,
    /// The maximum of all responses kept for retries, in bytes.
    pub max_replay_bytes: usize,
    /// The maximum of those of one user, in bytes.
    pub max_replay_bytes_per_user: usize,
    /// How long to wait for the upstream's usage report after the client has disconnected.
    #[serde(with = "humantime_serde")]
    pub usage_wait_timeout: Duration,
    /// The status code if the balance or a spending limit is used up: 402, or 429 as at OpenAI.
    pub insufficient_status: u32,
}

/// `[graphql]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// Whether GraphiQL is served to browsers.
    pub graphiql: bool,
    /// Whether introspection is allowed.
    pub introspection: bool,
    /// Whether errors suggest names for a mistyped field.
    pub suggestions: bool,
    /// The timeout of a query.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// The maximum response, in bytes.
    pub max_response_bytes: usize,
    /// The maximum number of open sockets and streams per user.
    pub streams_per_user: u64,
    /// The maximum size of a client's WebSocket message, in bytes.
    pub max_socket_message_bytes: usize,
    /// The interval of heartbeats on an open stream.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// The timeout for the `connection_init` message of a new WebSocket.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// The timeout for a client that does not read its stream.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable.
    Compact,
    /// One JSON object per line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The filter, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub filter: String,
    /// The format of log lines.
    pub format: LogFormat,
}

impl Cluster {
    pub(super) fn check(&self) -> Result<(), String> {
        let url = self.redis.expose_secret();
        if url.is_empty() || ["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Ok(());
        }
        Err("cluster.redis: an address is needed, such as \"redis://host:6379\", or \"rediss://..\" for TLS".to_owned())
    }
}

impl Auth {
    pub(super) fn check(&self) -> Result<(), String> {
        let single = [("secret", &self.secret), ("api_key_pepper", &self.api_key_pepper)];
        let former = self.previous_secrets.iter().map(|secret| ("previous_secrets", secret));
        for (key, secret) in single.into_iter().filter(|(_, secret)| !is_empty(secret)).chain(former) {
            if secret.expose_secret().len() < 32 {
                return Err(format!("auth.{key}: at least 32 bytes"));
            }
        }
        for (key, name) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            // Tokens contain both, and longer ones are not decoded: see `jwt::MAX_BYTES`.
            if name.len() > 1000 {
                return Err(format!("auth.{key}: at most 1000 bytes"));
            }
        }
        if is_empty(&self.secret) && !(self.previous_secrets.is_empty() && is_empty(&self.api_key_pepper)) {
            return Err("auth.secret: required with auth.previous_secrets and auth.api_key_pepper".to_owned());
        }
        Ok(())
    }
}

impl Http {
    /// Returns whether clients reach this server over TLS, which is terminated here or at a proxy.
    pub fn is_tls(&self) -> bool {
        self.tls || self.tls_certificate.is_some()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.write_timeout.is_zero() {
            return Err("http.write_timeout: longer than 0".to_owned());
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err("http.tls_certificate and http.tls_key: both, or neither".to_owned());
        }
        for origin in &self.cors_origins {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            let good = ["http", "https"].contains(&scheme) && !host.is_empty();
            if !good
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
fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

/// Serializes whether there is a secret, but not the secret.
fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if is_empty(secret) { "" } else { "(hidden)" })
}

fn all_hidden<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(|_| "(hidden)"))
}
