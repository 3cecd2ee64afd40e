//! Jeton: a self-hosted AI chat server that meters every message against a prepaid token balance.
//!
//! The layers, from the wire to the disk. Each uses the ones below it, none above; `tests/it/architecture.rs` checks
//! that, and the edges within a layer.

pub mod api;
pub mod app;
pub mod cli;
pub mod core;
pub mod domain;
pub mod infra;
pub mod server;
pub mod transfer;
