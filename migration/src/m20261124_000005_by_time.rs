//! Indexes for reading ledger entries and audit events by time.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 2] = ["ledger_entry", "audit_event"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let by_time = Index::create().name(name(table)).table(table).col("created_at").take();
            manager.create_index(by_time).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.drop_index(Index::drop().name(name(table)).table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn name(table: &str) -> String {
    format!("idx_{table}_created_at")
}
