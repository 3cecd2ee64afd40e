//! The integration tests: one binary, one file or folder for each area, each test on SQLite and on PostgreSQL.
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
mod admin_lists;
mod api_keys;
mod architecture;
mod authorization;
mod backup;
mod bodies;
mod bulk_changes;
mod catalog;
mod chat_reads;
mod cluster;
mod conversations;
mod copy;
mod database;
mod django_regressions;
mod edge_cases;
mod end_to_end;
mod faults;
mod faults_postgres;
mod fuzz_corpus;
mod graphql_bounds;
mod graphql_cop;
mod graphql_http;
mod groups;
mod hardening;
mod hostile_backups;
mod hostile_files;
mod import;
mod ledger_chain;
mod metrics;
mod money;
mod money_model_based;
mod openai_api;
mod operators;
mod overview;
mod pages;
mod pagination;
mod password_queue;
mod private_files;
mod providers;
mod reasoning;
mod receipts;
mod reload;
mod reply_stream;
mod resource_limits;
mod retention;
mod schema;
mod search;
mod sessions;
mod subscription_protocols;
mod titles;
mod traces;
mod upstream;
mod upstream_bytes;
mod usage_statistics;
mod wallets;
mod web;
mod webhooks;
mod who_pays;
mod words;
