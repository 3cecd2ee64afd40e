//! Jeton: a self-hosted AI chat server that meters every message against a prepaid token balance.
//!
//! The rooms, from the wire to the disk. Each may use the ones below it, and none above; `tests/it/architecture.rs`
//! checks that.
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`cli`] | the commands |
//! | [`server`] | one router, middleware, listener, shutdown |
//! | [`graphql`], [`rest`], [`openai`] | transports: credential to viewer, input to domain, answer to wire |
//! | [`web`] | serves the browser client, which is embedded |
//! | [`transfer`] | moves data in and out: other systems, databases, files |
//! | [`session`] | log in, refresh, log out; credential to viewer |
//! | [`account`], [`chat`] | people; metered exchanges |
//! | [`retention`] | deletes what was kept for long enough |
//! | [`ledger`], [`audit`] | the only one that moves tokens; what operators did |
//! | [`neighbours`] | which servers share the database |
//! | [`app`] | what all of them need, built once |
//! | [`limits`] | what is counted against abuse |
//! | [`request_body`] | bodies, received within budgets of bytes |
//! | [`secrets`] | what tokens are signed with |
//! | [`db`], [`entity`], [`ai`], [`cluster`] | storage, rows, language models, news |
//! | the rest | leaves: errors, tokens, time, passwords, and the like |

pub mod account;
pub mod ai;
pub mod app;
pub mod audit;
pub mod byte_budget;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod db;
pub mod entity;
pub mod error;
pub mod graphql;
pub mod input_file;
pub mod json;
pub mod jwt;
pub mod keyed_hash;
pub mod ledger;
pub mod limits;
pub mod metrics;
pub mod neighbours;
pub mod openai;
pub mod page;
pub mod password;
pub mod private_files;
pub mod random;
pub mod rate_limit;
pub mod recording;
pub mod request_body;
pub mod rest;
pub mod retention;
pub mod secrets;
pub mod server;
pub mod session;
pub mod telemetry;
pub mod tokens;
pub mod trace_context;
pub mod transfer;
pub mod viewer;
pub mod web;
