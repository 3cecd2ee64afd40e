//! Configuration: defaults, then a TOML file, then `JETON_` environment variables. Read and validated once, at start.
//!
//! `src/infra/config/default.toml` is both the default and the reference: `jeton config default` prints it, and a test
//! checks it against this struct.

mod addresses;
mod bounds;
mod model;
mod operations;
mod sections;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

pub use self::addresses::{public_url, without_credentials};
pub use self::model::{MaxTokensParam, Model, Params, Provider, Upstream};
pub use self::operations::{Metrics, Retention, RetentionPeriod, Telemetry};
pub use self::sections::{
    Auth, ClientAddress, Cluster, Data, Database, Graphql, Http, Ledger, Limits, Log, LogFormat, Registration, Turns,
    V1,
};
use crate::core::input_file;

/// The maximum size of a configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The annotated default configuration.
pub const DEFAULT: &str = include_str!("default.toml");

/// The configuration. The default file documents each key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model of messages that name none.
    pub default_model: String,
    /// The HTTP server.
    pub http: Http,
    /// The data directory.
    pub data: Data,
    /// The database connection.
    pub database: Database,
    /// The message bus between cluster members.
    pub cluster: Cluster,
    /// Accounts and sessions.
    pub auth: Auth,
    /// Grants and limits of prepaid tokens.
    pub ledger: Ledger,
    /// Turns: timeouts and limits.
    pub turns: Turns,
    /// Rate limits.
    pub limits: Limits,
    /// The OpenAI-compatible routes.
    pub v1: V1,
    /// The GraphQL API.
    pub graphql: Graphql,
    /// Logging.
    pub log: Log,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// Tracing.
    pub telemetry: Telemetry,
    /// Retention periods.
    pub retention: Retention,
    /// The models by the name that clients choose.
    pub models: BTreeMap<String, Model>,
}

/// The reason why a configuration is invalid, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named on the command line does not exist.
    #[error("there is no configuration file {0}")]
    NoFile(PathBuf),
    /// The file can't be read, or is not a regular file.
    #[error("{path}: {error}")]
    Unreadable {
        /// The path of the file.
        path: String,
        /// The reason.
        error: std::io::Error,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("{}", in_one_line(.0))]
    Read(Box<figment::Error>),
    /// Each value is well-formed, but they are inconsistent or out of bounds.
    #[error("{0}")]
    Check(String),
}

impl Config {
    /// Reads the defaults, the file (by default `jeton.toml`, if it exists) and the environment.
    ///
    /// # Errors
    /// If a named file is missing, a key is unknown, a value has the wrong type, or values are inconsistent.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(path) = file.filter(|path| !path.exists()) {
            return Err(ConfigError::NoFile(path.to_owned()));
        }
        let mut figment = Figment::from(Toml::string(DEFAULT));
        if let Some(file) = file.or(Some(Path::new("jeton.toml")).filter(|path| path.exists())) {
            input_file::open_within(file, MAX_FILE_BYTES)
                .map_err(|error| ConfigError::Unreadable { path: file.display().to_string(), error })?;
            figment = figment.merge(Toml::file_exact(file));
        }
        // `JETON_TEST_*` configures the test suite, `JETON_URL` and `JETON_API_KEY` clients such as those in examples/.
        let of_clients = |key: &str| ["URL", "API_KEY"].contains(&key);
        let environment = Env::prefixed("JETON_")
            .filter(move |key| !key.starts_with("TEST_") && !of_clients(key.as_str()))
            .split("__");
        Self::extract(figment.merge(environment))
    }

    /// Reads the defaults and the given TOML, without any file or the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::extract(Figment::from(Toml::string(DEFAULT)).merge(Toml::string(text)))
    }

    fn extract(figment: Figment) -> Result<Self, ConfigError> {
        let config: Self = figment.extract().map_err(|error| match error.path.as_slice() {
            // The default message would repeat the secret.
            _ if matches!(error.kind, Kind::UnknownField(..)) => ConfigError::Read(Box::new(error)),
            [table, key, ..] if table == "auth" && (key.contains("secret") || key.contains("pepper")) => {
                ConfigError::Check(format!(
                    "auth.{key}: text is needed; in the environment, put digits into double quotes"
                ))
            }
            [table, key] if [("database", "url"), ("cluster", "redis")].contains(&(table.as_str(), key.as_str())) => {
                ConfigError::Check(format!("{table}.{key}: text is needed"))
            }
            _ => ConfigError::Read(Box::new(error)),
        })?;
        config.check().map_err(ConfigError::Check)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if !self.models.contains_key(&self.default_model) {
            let names: Vec<_> = self.models.keys().map(String::as_str).collect();
            return Err(format!(
                "default_model: there is no [models.{}]; there are {}",
                self.default_model,
                names.join(", ")
            ));
        }
        for (name, model) in &self.models {
            model.check().map_err(|error| format!("models.{name}{error}"))?;
        }
        // First, since the following checks calculate with these numbers.
        bounds::check(self)?;
        self.cluster.check()?;
        self.auth.check()?;
        self.http.check()?;
        self.metrics.check(self.http.listen)?;
        self.telemetry.check()?;
        self.retention.check()?;
        if ![402, 429].contains(&self.v1.insufficient_status) {
            return Err("v1.insufficient_status: 402 or 429".to_owned());
        }
        if self.turns.save_interval * 2 > self.turns.lease {
            // Saving renews the lease; a single late save must not let it expire.
            return Err("turns.lease: at least twice turns.save_interval".to_owned());
        }
        let largest = self.http.max_body_bytes.max(self.v1.max_body_bytes);
        if self.http.max_inflight_body_bytes_per_client < largest {
            return Err("http.max_inflight_body_bytes_per_client: at least http.max_body_bytes and v1.max_body_bytes"
                .to_owned());
        }
        if self.http.max_inflight_body_bytes / 2 < largest {
            // One client can use at most half, so that the rest stays available to other clients.
            return Err(
                "http.max_inflight_body_bytes: at least twice http.max_body_bytes and v1.max_body_bytes".to_owned()
            );
        }
        if self.graphql.heartbeat.is_zero() {
            return Err("graphql.heartbeat: longer than 0".to_owned());
        }
        let not_negative = [
            ("ledger.signup_grant", self.ledger.signup_grant),
            ("ledger.staff_daily_limit", self.ledger.staff_daily_limit),
        ];
        if let Some((key, _)) = not_negative.iter().find(|(_, value)| *value < 0) {
            return Err(format!("{key}: not negative"));
        }
        let at_least_one = [
            ("database.max_connections", self.database.max_connections as usize),
            ("auth.hashing_threads", self.auth.hashing_threads),
            ("auth.max_queued_hashes", self.auth.max_queued_hashes),
            ("limits.registration_burst_per_address", self.limits.registration_burst_per_address as usize),
            ("turns.max_message_chars", self.turns.max_message_chars),
            ("turns.open_per_server", self.turns.open_per_server),
            ("v1.max_body_bytes", self.v1.max_body_bytes),
            ("graphql.max_response_bytes", self.graphql.max_response_bytes),
            ("http.max_connections", self.http.max_connections),
            ("graphql.max_socket_message_bytes", self.graphql.max_socket_message_bytes),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("{key}: at least 1")),
            None => Ok(()),
        }
    }

    /// Returns the database URL: as configured, or that of the SQLite file in the data directory.
    pub fn database_url(&self) -> String {
        match self.database.url.expose_secret() {
            "" => format!("sqlite://{}", self.data.dir.join("jeton.db").display()),
            url => url.to_owned(),
        }
    }

    /// Returns [`Config::database_url`] for display: without user name and password.
    pub fn shown_database_url(&self) -> String {
        without_credentials(&self.database_url())
    }

    /// Returns the configuration as TOML, without secrets.
    pub fn shown(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# not representable: {error}\n"))
    }
}

/// Old names of keys, with their new ones; `*` stands for the name of a model.
const RENAMED: &[(&str, &str)] = &[
    ("auth.free_attempts", "auth.login_attempts_before_delay"),
    ("auth.free_attempts_per_address", "auth.login_attempts_before_delay_per_address"),
    ("auth.max_delay", "auth.login_max_delay"),
    ("auth.former_secrets", "auth.previous_secrets"),
    ("auth.hash_secret", "auth.api_key_pepper"),
    ("http.drain", "http.shutdown_delay"),
    ("v1.drain", "v1.usage_wait_timeout"),
    ("retention.every", "retention.interval"),
    ("turns.first_piece_timeout", "turns.first_chunk_timeout"),
    ("turns.piece_timeout", "turns.chunk_timeout"),
    ("models.*.window", "models.*.context_window"),
    ("models.*.rest", "models.*.circuit_cooldown"),
    ("models.*.limit_name", "models.*.max_tokens_param"),
    ("models.*.queue", "models.*.max_queued"),
    ("models.*.retries", "models.*.max_retries"),
];

/// Returns the new name of a renamed key.
fn renamed(path: &[String]) -> Option<String> {
    let matches = |old: &str| {
        let parts: Vec<_> = old.split('.').collect();
        parts.len() == path.len() && parts.iter().zip(path).all(|(part, name)| *part == "*" || part == name)
    };
    let (_, new) = RENAMED.iter().find(|(old, _)| matches(old))?;
    let names = new.split('.').zip(path).map(|(part, name)| if part == "*" { name } else { part });
    Some(names.collect::<Vec<_>>().join("."))
}

/// Formats the first error on one line: its key as the operator wrote it, without the excerpt of the file.
fn in_one_line(error: &figment::Error) -> String {
    let what = match &error.kind {
        Kind::UnknownField(_, known) => match renamed(&error.path) {
            Some(new) => format!("renamed to {new}"),
            None => format!("no such key; there are {}", known.join(", ")),
        },
        kind => kind.to_string(),
    };
    let is_drawing = |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let what = what.lines().filter(|line| !is_drawing(line)).collect::<Vec<_>>().join(" ");
    let from = error.metadata.as_ref();
    let file = from.and_then(|from| from.source.as_ref()).map(ToString::to_string);
    let key = match from {
        Some(from) if from.name.contains("environment") => format!("JETON_{}", error.path.join("__").to_uppercase()),
        _ => error.path.join("."),
    };
    let place = if error.path.is_empty() { String::new() } else { format!("{key}: ") };
    format!("{place}{what}{}", file.map_or_else(String::new, |file| format!(" (in {file})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_by_their_key_in_one_line() {
        let error = Config::from_toml("[http]\nlistn = \"x\"").unwrap_err().to_string();
        assert!(error.starts_with("http.listn: no such key; there are listen, "), "{error}");
        assert_eq!(Config::from_toml("[http").unwrap_err().to_string().lines().count(), 1);
    }

    #[test]
    fn an_old_key_is_an_error_that_names_the_new_one() {
        let error = |text: &str| Config::from_toml(text).unwrap_err().to_string();
        let old = error("auth.free_attempts = 3");
        assert_eq!(old, "auth.free_attempts: renamed to auth.login_attempts_before_delay");
        let old = error("models.echo.rest = '3s'");
        assert_eq!(old, "models.echo.rest: renamed to models.echo.circuit_cooldown");
        for (old, new) in RENAMED {
            let place = |key: &str| key.replace(".*.", ".echo.");
            let message = error(&format!("{} = 1", place(old)));
            assert!(message.ends_with(&format!("renamed to {}", place(new))), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_no_regular_one_or_too_large_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jeton.toml");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = Config::load(Some(&path)).unwrap_err().to_string();
        assert!(error.contains("jeton.toml: it is a named pipe"), "{error}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
        assert!(Config::load(Some(&path)).unwrap_err().to_string().contains("larger than"));
    }
}
