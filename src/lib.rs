//! Jeton: a self-hosted AI chat server that meters every message against a prepaid token balance.
//!
//! The modules are its layers, listed in alphabetical order. `LAYERS` in `tests/it/architecture.rs` has them lowest
//! first: each uses the ones below it, none above. The tests there check that, and the edges within a layer.

pub mod api;
pub mod app;
pub mod cli;
pub mod core;
pub mod domain;
pub mod infra;
pub mod server;
pub mod transfer;
