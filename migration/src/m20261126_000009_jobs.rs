//! Claims of cluster-wide jobs, and the indexes by which the retention job finds deleted accounts and expired sessions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, string_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CLOSED_ACCOUNTS: &str = "idx_ledger_entry_account_closed";
const EXPIRED_SESSIONS: &str = "idx_session_expires_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("job")
                    .col(string("name").primary_key())
                    .col(string_null("holder"))
                    .col(timestamp_with_time_zone_null("claimed_until"))
                    .col(timestamp_with_time_zone_null("last_run_at"))
                    .take(),
            )
            .await?;
        // A partial index, with one entry per deleted account.
        let closed = Index::create()
            .name(CLOSED_ACCOUNTS)
            .table("ledger_entry")
            .col("created_at")
            .and_where(Expr::col("reason").eq("ACCOUNT_CLOSED"))
            .take();
        manager.create_index(closed).await?;
        manager.create_index(Index::create().name(EXPIRED_SESSIONS).table("session").col("expires_at").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(EXPIRED_SESSIONS).table("session").to_owned()).await?;
        manager.drop_index(Index::drop().name(CLOSED_ACCOUNTS).table("ledger_entry").to_owned()).await?;
        manager.drop_table(Table::drop().table("job").take()).await
    }
}
