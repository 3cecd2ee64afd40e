//! Database entities, and queries scoped to an owner. Must not contain business rules.

pub mod api_key;
pub mod audit_event;
pub mod chat;
pub mod conversation;
pub mod imported;
pub mod job;
pub mod ledger_entry;
pub mod server;
pub mod session;
pub mod unfinished;
pub mod usage_day;
pub mod usage_day_user;
pub mod user;
