//! The schema migrations of Jeton. A migration is never edited once it has landed: a change is a new migration.

pub use sea_orm_migration::prelude::*;

pub mod ledger_chain;

mod m20261123_000001_accounts_and_chats;
mod m20261123_000002_conversations;
mod m20261123_000003_search;
mod m20261123_000004_usage;
mod m20261124_000005_by_time;
mod m20261124_000006_api_keys;
mod m20261124_000007_audit_owner;
mod m20261126_000008_servers;
mod m20261126_000009_jobs;
mod m20261126_000010_imports;
mod m20261128_000011_requested_balance;
mod m20261129_000012_username_skeleton;
mod m20261129_000013_refresh_reuse;
mod m20261129_000014_first_version;
mod m20261129_000020_by_reason_and_action;
mod m20261129_000021_usage_by_user;
mod m20261129_000022_bulk_changes;
mod m20261129_000023_first_chunk;
mod m20261130_000024_session_address;
mod m20261130_000025_pins_and_archive;
mod m20261130_000026_finish_reason;
mod m20261130_000027_reasoning_and_prices;
mod m20261130_000028_ledger_chain;
mod m20261130_000029_usage_by_class;
mod m20261130_000030_images_and_reasoning_blocks;
mod m20261130_000031_catalog;
mod m20261130_000032_default_model;
mod m20261130_000033_wallets;
mod m20261130_000034_groups;
mod m20261130_000035_breaker_resets;
mod m20261130_000036_webhooks;
mod m20261130_000037_provider_timeouts;

/// Computes the chains of all ledger entries. Existing hashes are replaced.
///
/// # Errors
/// An error of the database.
pub async fn compute_ledger_chains(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    m20261130_000028_ledger_chain::fill(db, "wallet_id", "wallet").await
}

/// All migrations, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_accounts_and_chats::Migration),
            Box::new(m20261123_000002_conversations::Migration),
            Box::new(m20261123_000003_search::Migration),
            Box::new(m20261123_000004_usage::Migration),
            Box::new(m20261124_000005_by_time::Migration),
            Box::new(m20261124_000006_api_keys::Migration),
            Box::new(m20261124_000007_audit_owner::Migration),
            Box::new(m20261126_000008_servers::Migration),
            Box::new(m20261126_000009_jobs::Migration),
            Box::new(m20261126_000010_imports::Migration),
            Box::new(m20261128_000011_requested_balance::Migration),
            Box::new(m20261129_000012_username_skeleton::Migration),
            Box::new(m20261129_000013_refresh_reuse::Migration),
            Box::new(m20261129_000014_first_version::Migration),
            Box::new(m20261129_000020_by_reason_and_action::Migration),
            Box::new(m20261129_000021_usage_by_user::Migration),
            Box::new(m20261129_000022_bulk_changes::Migration),
            Box::new(m20261129_000023_first_chunk::Migration),
            Box::new(m20261130_000024_session_address::Migration),
            Box::new(m20261130_000025_pins_and_archive::Migration),
            Box::new(m20261130_000026_finish_reason::Migration),
            Box::new(m20261130_000027_reasoning_and_prices::Migration),
            Box::new(m20261130_000028_ledger_chain::Migration),
            Box::new(m20261130_000029_usage_by_class::Migration),
            Box::new(m20261130_000030_images_and_reasoning_blocks::Migration),
            Box::new(m20261130_000031_catalog::Migration),
            Box::new(m20261130_000032_default_model::Migration),
            Box::new(m20261130_000033_wallets::Migration),
            Box::new(m20261130_000034_groups::Migration),
            Box::new(m20261130_000035_breaker_resets::Migration),
            Box::new(m20261130_000036_webhooks::Migration),
            Box::new(m20261130_000037_provider_timeouts::Migration),
        ]
    }
}
