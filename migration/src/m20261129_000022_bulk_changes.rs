//! Changes of many users at once, so that a retry continues with the users who were confirmed. No foreign keys: the
//! record outlives the operator and the users.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, string, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "bulk_change";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(TABLE)
                    .col(big_pk_auto("id"))
                    .col(big_integer("actor_id"))
                    .col(string("idempotency_key"))
                    .col(string("fingerprint"))
                    .col(string("name"))
                    .col(text("user_ids"))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
            )
            .await?;
        let by_key = Index::create()
            .name("idx_bulk_change_actor_id_idempotency_key")
            .table(TABLE)
            .col("actor_id")
            .col("idempotency_key")
            .unique()
            .take();
        manager.create_index(by_key).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
