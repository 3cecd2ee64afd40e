//! The sections of the configuration, one module each. The default file documents each key.

mod audit;
mod auth;
mod cluster;
mod data;
mod database;
mod graphql;
mod http;
mod ledger;
mod limits;
mod log;
mod metrics;
mod ollama;
mod retention;
mod telemetry;
mod turns;
mod v1;
mod webhooks;

pub use self::audit::Audit;
pub use self::auth::{Auth, Registration};
pub use self::cluster::Cluster;
pub use self::data::Data;
pub use self::database::Database;
pub use self::graphql::Graphql;
pub use self::http::{ClientAddress, Http};
pub use self::ledger::Ledger;
pub use self::limits::Limits;
pub use self::log::{Log, LogFormat};
pub use self::metrics::Metrics;
pub use self::ollama::Ollama;
pub use self::retention::{Retention, RetentionPeriod};
pub use self::telemetry::Telemetry;
pub use self::turns::{TitlePayer, Turns};
pub use self::v1::V1;
pub use self::webhooks::{Notices, Webhooks};
