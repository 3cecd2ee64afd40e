//! The rows of the database, and finders that are scoped to an owner. Rows, no rules.

pub mod api_key;
pub mod audit_event;
pub mod chat;
pub mod cluster_member;
pub mod conversation;
pub mod import_map;
pub mod job_lease;
pub mod ledger_entry;
pub mod pending_load;
pub mod session;
pub mod usage_day;
pub mod usage_day_user;
pub mod user;
