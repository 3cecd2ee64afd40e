//! Conversations, and the replacement of chats within them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, string_null, text, text_null, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("conversation")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(text("title"))
                    .col(text_null("system_prompt"))
                    .col(string_null("model"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(big_integer("active_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("fk_conversation_user_id")
                            .from("conversation", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        let by_activity = Index::create()
            .name("idx_conversation_user_id_active_at_id")
            .table("conversation")
            .col("user_id")
            .col("active_at")
            .col("id")
            .take();
        manager.create_index(by_activity).await?;

        // Raw SQL, since the builder can't add a foreign key to an existing table on SQLite.
        let connection = manager.get_connection();
        for statement in [
            "ALTER TABLE chat ADD COLUMN conversation_id bigint REFERENCES conversation (id) ON DELETE CASCADE",
            "ALTER TABLE chat ADD COLUMN replaced_by_id bigint REFERENCES chat (id) ON DELETE SET NULL",
            "ALTER TABLE chat ADD COLUMN context_left_out bigint NOT NULL DEFAULT 0",
            "CREATE INDEX idx_chat_conversation_id_id ON chat (conversation_id, id) WHERE conversation_id IS NOT NULL",
            "CREATE INDEX idx_chat_replaced_by_id ON chat (replaced_by_id) WHERE replaced_by_id IS NOT NULL",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in [
            "DROP INDEX idx_chat_replaced_by_id",
            "DROP INDEX idx_chat_conversation_id_id",
            "ALTER TABLE chat DROP COLUMN context_left_out",
            "ALTER TABLE chat DROP COLUMN replaced_by_id",
            "ALTER TABLE chat DROP COLUMN conversation_id",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        manager.drop_table(Table::drop().table("conversation").take()).await
    }
}
