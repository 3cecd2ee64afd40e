//! Resets of circuit breakers, which each server applies to its own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string_null, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const RESET: &str = "breaker_reset";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let reset = Table::create()
            .table(RESET)
            // The epoch of the catalog that the reset began.
            .col(big_integer("epoch").primary_key())
            .col(string_null("model"))
            .col(big_integer_null("provider_id"))
            .col(timestamp_with_time_zone("created_at"))
            .take();
        manager.create_table(reset).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(RESET).take()).await
    }
}
