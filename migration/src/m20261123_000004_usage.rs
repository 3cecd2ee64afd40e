//! Daily usage, for the operators' overview: each past day is aggregated once.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("usage_day")
                    .col(string("day"))
                    .col(string("model"))
                    .col(big_integer("messages"))
                    .col(big_integer("tokens"))
                    .col(big_integer("active_users"))
                    .col(big_integer("failures"))
                    .primary_key(Index::create().col("day").col("model"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("usage_day_user")
                    .col(string("day"))
                    .col(big_integer("user_id"))
                    .col(big_integer("messages"))
                    .col(big_integer("tokens"))
                    .primary_key(Index::create().col("day").col("user_id"))
                    .take(),
            )
            .await?;
        let by_time = Index::create().name("idx_chat_created_at").table("chat").col("created_at").take();
        manager.create_index(by_time).await?;
        // A partial index, since few chats have these statuses, and they are searched among very many that do not.
        let failed = Expr::col("status").is_in(["FAILED", "STOPPED", "INTERRUPTED"]);
        let by_status =
            Index::create().name("idx_chat_status_id").table("chat").col("status").col("id").and_where(failed).take();
        manager.create_index(by_status).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["idx_chat_status_id", "idx_chat_created_at"] {
            manager.drop_index(Index::drop().name(index).table("chat").to_owned()).await?;
        }
        for table in ["usage_day_user", "usage_day"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
