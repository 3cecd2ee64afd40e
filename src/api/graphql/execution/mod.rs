//! Execution of operations, the same for all transports: within their budgets, on the right thread, with their responses
//! serialized once. The rules of what may run are in [`super::validation`].

pub(super) mod answer;
pub(super) mod bounded;
pub(super) mod budget;
pub(super) mod error_metrics;
pub(super) mod expensive;
pub(super) mod loader;
pub(super) mod operation;
pub(super) mod request;
pub(super) mod row_bytes;
