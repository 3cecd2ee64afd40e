//! Versions of a message: each chat that replaces another one names the first of them, so that one can be chosen again.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Sets the column of the chats that exist: the first chat that a chat replaced is the earlier version of its message,
/// those after it were its continuation. Only replaced chats are read.
const BACKFILL: &str = "
    WITH RECURSIVE
        direct (newer, older) AS (
            SELECT replaced_by_id, min(id) FROM chat WHERE replaced_by_id IS NOT NULL GROUP BY replaced_by_id
        ),
        version (id, first_id) AS (
            SELECT newer, older FROM direct WHERE older NOT IN (SELECT newer FROM direct)
            UNION ALL
            SELECT direct.newer, version.first_id FROM direct JOIN version ON direct.older = version.id
        )
    UPDATE chat SET first_version_id = version.first_id FROM version WHERE chat.id = version.id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // No foreign key: the versions of a message stay together when the first one is deleted.
        let mut column = big_integer_null("first_version_id");
        manager.alter_table(Table::alter().table("chat").add_column(&mut column).take()).await?;
        let connection = manager.get_connection();
        // Partial, which the builder can't write for SQLite.
        let index = "CREATE INDEX idx_chat_first_version_id ON chat (first_version_id) \
                     WHERE first_version_id IS NOT NULL";
        connection.execute_unprepared(index).await?;
        connection.execute_unprepared(BACKFILL).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX idx_chat_first_version_id").await?;
        manager.alter_table(Table::alter().table("chat").drop_column("first_version_id").take()).await
    }
}
