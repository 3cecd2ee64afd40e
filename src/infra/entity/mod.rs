//! Database entities, and queries scoped to an owner. Must not contain business rules.

pub mod api_key;
pub mod audit_event;
pub mod breaker_reset;
pub mod bulk_change;
pub mod catalog_epoch;
pub mod chat;
pub mod cluster_member;
pub mod conversation;
pub mod group;
pub mod group_member;
pub mod import_map;
pub mod job_lease;
pub mod ledger_entry;
pub mod model;
pub mod model_route;
pub mod pending_load;
pub mod price;
pub mod provider;
pub mod reasoning_block;
pub mod session;
pub mod usage_day;
pub mod usage_day_user;
pub mod user;
pub mod wallet;
pub mod webhook;
pub mod webhook_delivery;
