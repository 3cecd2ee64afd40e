//! The requested balance of an adjustment that sets a balance. Its amount depends on the balance at that time, so a
//! duplicate idempotency key can't be compared by the amount.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "ledger_entry";
const COLUMN: &str = "requested_balance";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut requested = big_integer_null(COLUMN);
        manager.alter_table(Table::alter().table(TABLE).add_column(&mut requested).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(TABLE).drop_column(COLUMN).take()).await
    }
}
