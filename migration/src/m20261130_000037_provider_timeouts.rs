//! The timeouts of a provider.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const PROVIDER: &str = "provider";
/// Unset: the default.
const TIMEOUTS: [&str; 3] = ["connect_timeout_ms", "first_byte_timeout_ms", "idle_timeout_ms"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for timeout in TIMEOUTS {
            manager.alter_table(Table::alter().table(PROVIDER).add_column(big_integer_null(timeout)).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for timeout in TIMEOUTS {
            manager.alter_table(Table::alter().table(PROVIDER).drop_column(timeout).take()).await?;
        }
        Ok(())
    }
}
