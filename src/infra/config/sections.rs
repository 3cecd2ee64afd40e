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
    /// Address and port.
    pub listen: SocketAddr,
    /// Clients come over TLS, which a proxy ends.
    pub tls: bool,
    /// The file with the certificate and those that lead to a known authority (PEM); none: TLS is not served here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    /// The file with the key of the certificate (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// How long browsers that came over TLS insist on it; 0: they are not told to.
    #[serde(with = "humantime_serde")]
    pub hsts: Duration,
    /// Origins of foreign pages that may call the API with a token of their own.
    pub cors_origins: Vec<String>,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Bytes of all large request bodies in memory.
    pub max_inflight_body_bytes: usize,
    /// Bytes of those of one client: of a user at `/v1`, else of an address.
    pub max_inflight_body_bytes_per_client: usize,
    /// Bytes of large request bodies that one client may send in a second.
    pub body_bytes_per_second_per_client: usize,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client.
    pub client_address: ClientAddress,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once of one address.
    pub max_connections_per_address: u64,
    /// How long a client may take to send the headers of a request, and may be idle between two requests.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a client may take to send the body of a request.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a client may take next to nothing of an answer.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How long connections are still taken after a shutdown was asked for.
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
    /// Holds the SQLite database and the signing key.
    pub dir: PathBuf,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://..` or `postgres://..`; empty: SQLite in `data.dir`. May hold a password.
    #[serde(serialize_with = "url_without_credentials")]
    pub url: SecretString,
    /// Largest number of connections (readers, on SQLite).
    pub max_connections: u32,
    /// Longest wait for a connection, or for another process that has locked the file.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// Bring the schema up to date at start.
    pub migrate: bool,
}

/// `[cluster]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// `redis://..` or `rediss://..`: what servers tell each other goes by it; empty: there is one server. May hold a
    /// password.
    #[serde(serialize_with = "url_without_credentials")]
    pub redis: SecretString,
}

/// Whether strangers may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone may.
    Open,
    /// Only operators create accounts.
    Closed,
}

/// `[auth]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Life of an access token.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// Life of a refresh token, and so of a session without use.
    #[serde(with = "humantime_serde")]
    pub refresh_ttl: Duration,
    /// Whether strangers may register.
    pub registration: Registration,
    /// Signing key of the tokens; empty: from `signing.key` in `data.dir`. At least 32 bytes.
    #[serde(serialize_with = "hidden")]
    pub secret: SecretString,
    /// What `secret` was before: tokens that were signed with one of these stay good.
    #[serde(serialize_with = "all_hidden")]
    pub previous_secrets: Vec<SecretString>,
    /// What API keys are hashed with; empty: `secret`.
    #[serde(serialize_with = "hidden")]
    pub api_key_pepper: SecretString,
    /// The `iss` of tokens, asked of each; empty: none.
    pub issuer: String,
    /// The `aud` of tokens, asked of each; empty: none.
    pub audience: String,
    /// Wrong passwords for one name before it has to wait.
    pub login_attempts_before_delay: u32,
    /// Wrong passwords from one address before it has to wait.
    pub login_attempts_before_delay_per_address: u32,
    /// Longest wait between two tries for one name, or from one address.
    #[serde(with = "humantime_serde")]
    pub login_max_delay: Duration,
    /// Passwords hashed at once; each takes 19 MiB and a core.
    pub hashing_threads: usize,
    /// Passwords that may wait to be verified; as many new ones may wait to be hashed.
    pub max_queued_hashes: usize,
}

/// `[ledger]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Tokens that a new account starts with.
    pub signup_grant: i64,
    /// Tokens that one staff member may give out in a day; 0: no limit.
    pub staff_daily_limit: i64,
}

/// `[turns]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// Longest message in characters.
    pub max_message_chars: usize,
    /// Longest wait for the first piece of a reply.
    #[serde(with = "humantime_serde")]
    pub first_chunk_timeout: Duration,
    /// Longest wait between two pieces.
    #[serde(with = "humantime_serde")]
    pub chunk_timeout: Duration,
    /// Longest turn as a whole.
    #[serde(with = "humantime_serde")]
    pub turn_timeout: Duration,
    /// How often the text of a growing reply is saved.
    #[serde(with = "humantime_serde")]
    pub save_interval: Duration,
    /// How long a turn counts as alive after its server's last sign of life.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Open turns of one user.
    pub open_per_user: u64,
    /// Open turns of this server.
    pub open_per_server: usize,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages of one user in a minute; 0: no limit.
    pub messages_per_minute_per_user: u32,
    /// Messages by one API key in a minute; 0: no limit.
    pub messages_per_minute_per_key: u32,
    /// New accounts from one address in an hour; 0: no limit.
    pub registrations_per_hour_per_address: u32,
    /// New accounts from one address at once, of those of an hour.
    pub registration_burst_per_address: u32,
    /// Uses of refresh tokens from one address in a minute; 0: no limit.
    pub refreshes_per_minute_per_address: u32,
}

/// The header in which proxies name the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded`, as RFC 7239 has it.
    Forwarded,
}

/// `[v1]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct V1 {
    /// Store what is said by these routes, so that it is in the history.
    pub store_api_messages: bool,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Bytes of answers that are kept for retries.
    pub max_replay_bytes: usize,
    /// Bytes of those of one user.
    pub max_replay_bytes_per_user: usize,
    /// How long an upstream's own count is waited for once the caller has gone away.
    #[serde(with = "humantime_serde")]
    pub usage_wait_timeout: Duration,
    /// The status of a call whose balance or spending limit is used up: 402, or 429 as at OpenAI.
    pub insufficient_status: u32,
}

/// `[graphql]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// Serve the GraphiQL page to browsers.
    pub graphiql: bool,
    /// Answer introspection.
    pub introspection: bool,
    /// Name what a mistyped field may have meant.
    pub suggestions: bool,
    /// How long a query may take.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// Largest answer in bytes.
    pub max_response_bytes: usize,
    /// Sockets and streams of one user at once.
    pub streams_per_user: u64,
    /// Largest message of a client on a WebSocket, in bytes.
    pub max_socket_message_bytes: usize,
    /// How often an open stream shows that it is alive.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How long a new WebSocket may take to begin.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// How long a stream may wait for a client that does not read.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Compact,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What to log, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub filter: String,
    /// How lines look.
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
            // Tokens hold both, and longer ones are not decoded: see `jwt::MAX_BYTES`.
            if name.len() > 1000 {
                return Err(format!("auth.{key}: at most 1000 bytes"));
            }
        }
        if is_empty(&self.secret) && !(self.previous_secrets.is_empty() && is_empty(&self.api_key_pepper)) {
            return Err("auth.secret: needed beside auth.previous_secrets and auth.api_key_pepper".to_owned());
        }
        Ok(())
    }
}

impl Http {
    /// Whether clients reach this server over TLS, which ends here or at a proxy.
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
                    "http.cors_origins: \"{origin}\" is no origin, such as \"https://chat.example\" (in lower case, \
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

/// That there is a secret, but not which.
fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if is_empty(secret) { "" } else { "(hidden)" })
}

fn all_hidden<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(|_| "(hidden)"))
}
