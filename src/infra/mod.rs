//! What the domain stands on: database, language models, message bus, configuration, metrics.

pub mod ai;
pub mod catalog;
pub mod cluster;
pub mod config;
pub mod db;
pub mod entity;
pub mod metrics;
pub mod secrets;
pub mod telemetry;
pub mod throttle;
