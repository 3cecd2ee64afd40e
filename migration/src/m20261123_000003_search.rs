//! Full-text search in chats.
//!
//! `chat.search_text` holds the words of a finished chat, case-folded and tokenized by `chat::search` in the same way
//! for both databases. It is null until then, so that a growing reply, which is saved periodically, is indexed only
//! once. The databases maintain their indexes automatically: PostgreSQL by a generated column, SQLite by triggers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The statements for both databases. The partial index is for the backfill of chats that finished before search
/// existed.
const COMMON: [&str; 2] = [
    "ALTER TABLE chat ADD COLUMN search_text text",
    "CREATE INDEX idx_chat_not_indexed ON chat (id) WHERE search_text IS NULL",
];

/// The function plans its query for each search (`EXECUTE`): a rare word is looked up in the full-text index, for a
/// common one the user's chats are scanned from the newest on. A prepared statement would use one plan for both.
const POSTGRES: [&str; 3] = [
    "ALTER TABLE chat ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED",
    "CREATE INDEX idx_chat_search ON chat USING gin (search)",
    "CREATE FUNCTION chat_search(words text, owner bigint, within bigint, best boolean, most bigint) \
     RETURNS TABLE (id bigint) LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY EXECUTE \
     'SELECT newest.id FROM (SELECT chat.id, CASE WHEN $4 THEN ts_rank(chat.search, to_tsquery(''simple'', $1)) END AS score \
     FROM chat WHERE chat.search @@ to_tsquery(''simple'', $1) ' \
     || CASE WHEN owner IS NULL THEN '' ELSE 'AND chat.user_id = $2 ' END || CASE WHEN within IS NULL THEN '' ELSE 'AND chat.conversation_id = $3 ' END || \
     'ORDER BY chat.id DESC LIMIT $5) AS newest ORDER BY score DESC, newest.id DESC' \
     USING words, owner, within, best, most; END $$",
];

/// The words are already separated by spaces, so the `ascii` tokenizer is sufficient. The user and the conversation are
/// indexed as words too: a full-text index can't be combined with another index, and a search for a common word must
/// not scan the chats of all users. The prefix `_` distinguishes them from words of messages, which consist of letters
/// and digits only, and from prefixes of such words.
const SQLITE: [&str; 4] = [
    "CREATE VIRTUAL TABLE chat_search USING fts5(words, content='', contentless_delete=1, \
     prefix='1 2 3', tokenize=\"ascii tokenchars '_'\")",
    "CREATE TRIGGER chat_search_insert AFTER INSERT ON chat WHEN new.search_text IS NOT NULL BEGIN \
     INSERT INTO chat_search (rowid, words) VALUES (new.id, \
     '_user_' || new.user_id || ' _conversation_' || coalesce(new.conversation_id, '') || ' ' || new.search_text); END",
    "CREATE TRIGGER chat_search_update AFTER UPDATE OF search_text ON chat BEGIN \
     DELETE FROM chat_search WHERE rowid = old.id AND old.search_text IS NOT NULL; \
     INSERT INTO chat_search (rowid, words) SELECT new.id, \
     '_user_' || new.user_id || ' _conversation_' || coalesce(new.conversation_id, '') || ' ' || new.search_text \
     WHERE new.search_text IS NOT NULL; END",
    "CREATE TRIGGER chat_search_delete AFTER DELETE ON chat WHEN old.search_text IS NOT NULL BEGIN \
     DELETE FROM chat_search WHERE rowid = old.id; END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let own: &[&str] = if manager.get_database_backend() == DbBackend::Postgres { &POSTGRES } else { &SQLITE };
        for statement in COMMON.iter().chain(own) {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let own: &[&str] = if manager.get_database_backend() == DbBackend::Postgres {
            &["DROP FUNCTION chat_search", "ALTER TABLE chat DROP COLUMN search"]
        } else {
            &[
                "DROP TRIGGER chat_search_delete",
                "DROP TRIGGER chat_search_update",
                "DROP TRIGGER chat_search_insert",
                "DROP TABLE chat_search",
            ]
        };
        for statement in
            own.iter().chain(&["DROP INDEX idx_chat_not_indexed", "ALTER TABLE chat DROP COLUMN search_text"])
        {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
