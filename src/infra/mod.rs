//! Infrastructure of the domain: database, language models, message bus, configuration, secrets, metrics, telemetry.
//! Must not depend on the domain or the API.

pub mod ai;
pub mod catalog;
pub mod cluster;
pub mod config;
pub mod db;
pub mod entity;
pub mod metrics;
pub mod price_cache;
pub mod rate_limit;
pub mod request_body;
pub mod secrets;
pub mod telemetry;
pub mod user_watch;
pub mod webhook;
