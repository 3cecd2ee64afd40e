//! Configuration: defaults, then a TOML file, then `JETON_` environment variables. Read and validated at the start, and
//! again by a reload.
//!
//! `src/infra/config/default.toml` is both the default and the reference: `jeton config default` prints it, and a test
//! checks it against this struct.

mod addresses;
mod bounds;
mod check;
mod error;
mod model;
mod params;
mod price;
mod provider;
mod reload;
mod running;
mod sections;
mod sources;

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

pub use self::addresses::{public_url, without_credentials};
pub use self::error::ConfigError;
pub use self::model::{MaxTokensParam, Model, Upstream};
pub use self::params::Params;
pub use self::price::Price;
pub use self::provider::Provider;
pub use self::running::RunningConfig;
pub use self::sections::{
    Audit, Auth, ClientAddress, Cluster, Data, Database, Graphql, Http, Ledger, Limits, Log, LogFormat, Metrics,
    Notices, Ollama, Registration, Retention, RetentionPeriod, Telemetry, TitlePayer, Turns, V1, Webhooks,
};
use self::sources::Sources;
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
    /// Whether the file or the environment names the default model.
    #[serde(skip)]
    pub has_default_model: bool,
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
    /// The audit trail.
    pub audit: Audit,
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
    /// Outgoing webhooks.
    pub webhooks: Webhooks,
    /// Thresholds of events and notices.
    pub notices: Notices,
    /// The models of an Ollama that is found at the start.
    pub ollama: Ollama,
    /// The models by the name that clients choose.
    pub models: BTreeMap<String, Model>,
}

impl Config {
    /// Reads the defaults, the file (by default `jeton.toml`, if it exists) and the environment.
    ///
    /// # Errors
    /// If a named file is missing, a key is unknown, a value has the wrong type, or values are inconsistent.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::extract(Self::read(file)?)
    }

    /// Returns the configuration in force as TOML, without secrets. A comment tells where each value comes from.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_and_show(file: Option<&Path>) -> Result<String, ConfigError> {
        let set = Self::read(file)?;
        Ok(Sources::of(&set).annotate(&Self::extract(set)?.shown()))
    }

    /// Reads what is set over the defaults.
    fn read(file: Option<&Path>) -> Result<Figment, ConfigError> {
        if let Some(path) = file.filter(|path| !path.exists()) {
            return Err(ConfigError::NoFile(path.to_owned()));
        }
        let mut set = Figment::new();
        if let Some(file) = file.or(Some(Path::new("jeton.toml")).filter(|path| path.exists())) {
            input_file::open_within(file, MAX_FILE_BYTES)
                .map_err(|error| ConfigError::Unreadable { path: file.display().to_string(), error })?;
            set = set.merge(Toml::file_exact(file));
        }
        // `JETON_TEST_*` configures the test suite, `JETON_URL` and `JETON_API_KEY` clients such as those in examples/.
        let of_clients = |key: &str| ["URL", "API_KEY"].contains(&key);
        let environment = Env::prefixed("JETON_")
            .filter(move |key| !key.starts_with("TEST_") && !of_clients(key.as_str()))
            .split("__");
        Ok(set.merge(environment))
    }

    /// Reads the defaults and the given TOML, without any file or the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::extract(Figment::from(Toml::string(text)))
    }

    /// Reads the defaults, and what is set over them.
    fn extract(set: Figment) -> Result<Self, ConfigError> {
        let has_default_model = set.contains("default_model");
        let config: Self =
            Figment::from(Toml::string(DEFAULT)).merge(set).extract().map_err(|error| match error.path.as_slice() {
                // The default message would repeat the secret.
                _ if matches!(error.kind, Kind::UnknownField(..)) => ConfigError::Read(Box::new(error)),
                [table, key, ..] if table == "auth" && (key.contains("secret") || key.contains("pepper")) => {
                    ConfigError::Check(format!(
                        "auth.{key}: text is needed; in the environment, put digits into double quotes"
                    ))
                }
                [table, key]
                    if [("database", "url"), ("cluster", "redis")].contains(&(table.as_str(), key.as_str())) =>
                {
                    ConfigError::Check(format!("{table}.{key}: text is needed"))
                }
                _ => ConfigError::Read(Box::new(error)),
            })?;
        check::check(&config).map_err(ConfigError::Check)?;
        Ok(Self { has_default_model, ..config })
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

#[cfg(test)]
mod tests;
