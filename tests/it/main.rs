//! The integration tests: one binary, one file for each area, each test on SQLite and on PostgreSQL.
#![allow(missing_docs, reason = "tests say what they mean by their names")]

mod support;

mod accounts;
mod admin;
mod architecture;
mod defects;
mod graphql_http;
mod history;
mod money;
mod schema;
mod sessions;
