//! Pinned and archived conversations. Both are few among the conversations of a user, and are found by partial indexes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::timestamp_with_time_zone_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "conversation";
const COLUMNS: [(&str, &str); 2] =
    [("pinned_at", "idx_conversation_pinned"), ("archived_at", "idx_conversation_archived")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, index) in COLUMNS {
            let mut at = timestamp_with_time_zone_null(column);
            manager.alter_table(Table::alter().table(TABLE).add_column(&mut at).take()).await?;
            let index = Index::create()
                .name(index)
                .table(TABLE)
                .col("user_id")
                .and_where(Expr::col(column).is_not_null())
                .take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, index) in COLUMNS {
            manager.drop_index(Index::drop().name(index).table(TABLE).to_owned()).await?;
            manager.alter_table(Table::alter().table(TABLE).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
