//! Indexes for reading ledger entries by reason, and audit events by action.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const REASON: &str = "idx_ledger_entry_reason_id";
const ACTION: &str = "idx_audit_event_action_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A partial index, since nearly all entries are of complete replies, and the others are searched among them.
        let rare = Expr::col("reason").is_in([
            "SIGNUP_GRANT",
            "ADJUSTMENT",
            "CHAT_FAILED",
            "CHAT_BROKEN_OFF",
            "CHAT_STOPPED",
            "CHAT_INTERRUPTED",
            "ACCOUNT_CLOSED",
            "IMPORTED",
        ]);
        let by_reason =
            Index::create().name(REASON).table("ledger_entry").col("reason").col("id").and_where(rare).take();
        manager.create_index(by_reason).await?;
        let by_action = Index::create().name(ACTION).table("audit_event").col("action").col("id").take();
        manager.create_index(by_action).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(ACTION).table("audit_event").to_owned()).await?;
        manager.drop_index(Index::drop().name(REASON).table("ledger_entry").to_owned()).await
    }
}
