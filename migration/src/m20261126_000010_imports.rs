//! The mapping of imported rows to their source ids, so that a repeated import adds nothing; and the mark of an
//! unfinished bulk load.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("imported")
                    .col(string("source"))
                    .col(string("kind"))
                    .col(big_integer("source_id"))
                    .col(big_integer("id"))
                    .primary_key(Index::create().col("source").col("kind").col("source_id"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("unfinished")
                    .col(big_integer("id").primary_key())
                    .col(text("origin"))
                    .col(timestamp_with_time_zone("began_at"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["unfinished", "imported"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
