//! The integration tests: one binary, one file for each area, each test on SQLite and on PostgreSQL.
#![allow(missing_docs, reason = "tests say what they mean by their names")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect should stop there, and it makes its own tasks and settings"
)]

mod support;

mod abuse;
mod accounts;
mod admin;
mod api_keys;
mod architecture;
mod authorization;
mod backup;
mod bodies;
mod carriers;
mod cluster;
mod conversations;
mod cop;
mod copy;
mod database;
mod defects;
mod edges;
mod end_to_end;
mod faults;
mod faults_postgres;
mod graphql_bounds;
mod graphql_http;
mod hardening;
mod histories;
mod history;
mod hostile_backups;
mod hostile_files;
mod import;
mod metrics;
mod money;
mod operators;
mod overview;
mod password_queue;
mod private_files;
mod resource_limits;
mod retention;
mod schema;
mod search;
mod seeds;
mod sessions;
mod streams;
mod traces;
mod upstream;
mod upstream_bytes;
mod v1;
mod web;
mod who_pays;
