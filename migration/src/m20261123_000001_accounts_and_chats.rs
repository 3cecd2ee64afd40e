//! Users with their balances, sessions, chats, the ledger and the audit trail.
//!
//! The database itself enforces the basic invariants of balances: no negative balance, at most one ledger entry per
//! chat. Ledger entries and audit events have no foreign keys: they outlive the users and chats that they refer to.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("user")
                    .col(big_pk_auto("id"))
                    .col(string("username").unique_key())
                    .col(string("username_key").unique_key())
                    .col(string("password_hash"))
                    .col(boolean("is_active"))
                    .col(boolean("is_staff"))
                    .col(boolean("is_superuser"))
                    .col(big_integer("tokens").check(Expr::col("tokens").gte(0)))
                    .col(big_integer("held").check(Expr::col("held").gte(0)))
                    .col(big_integer("session_epoch"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("last_login_at"))
                    .take(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("session")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(big_integer("epoch"))
                    .col(string("refresh_jti"))
                    .col(text_null("user_agent"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("last_used_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .foreign_key(&mut owned_by_user("session"))
                    .take(),
            )
            .await?;
        manager.create_index(index("session", &["user_id"]).take()).await?;

        manager
            .create_table(
                Table::create()
                    .table("chat")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(string("model"))
                    .col(string("status"))
                    .col(text("message"))
                    .col(text("response"))
                    .col(string_null("error_code"))
                    .col(text_null("error_message"))
                    .col(big_integer("hold").check(Expr::col("hold").gte(0)))
                    .col(big_integer("cost").check(Expr::col("cost").gte(0)))
                    .col(big_integer_null("input_units"))
                    .col(big_integer_null("output_units"))
                    .col(boolean("usage_estimated"))
                    .col(string_null("idempotency_key"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .col(timestamp_with_time_zone_null("lease_until"))
                    .check(Expr::col("cost").lte(Expr::col("hold")))
                    .foreign_key(&mut owned_by_user("chat"))
                    .take(),
            )
            .await?;
        manager.create_index(index("chat", &["user_id", "id"]).take()).await?;
        manager.create_index(index("chat", &["user_id", "idempotency_key"]).unique().take()).await?;
        // Only open chats have a lease, so this index stays as small as the number of open turns.
        manager
            .create_index(index("chat", &["lease_until"]).and_where(Expr::col("lease_until").is_not_null()).take())
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("ledger_entry")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(big_integer("amount"))
                    .col(big_integer("balance_after"))
                    .col(string("reason"))
                    .col(text_null("note"))
                    .col(big_integer_null("chat_id"))
                    .col(big_integer_null("actor_id"))
                    .col(string_null("idempotency_key"))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
            )
            .await?;
        manager.create_index(index("ledger_entry", &["user_id", "id"]).take()).await?;
        manager.create_index(index("ledger_entry", &["chat_id"]).unique().take()).await?;
        manager.create_index(index("ledger_entry", &["actor_id", "idempotency_key"]).unique().take()).await?;

        manager
            .create_table(
                Table::create()
                    .table("audit_event")
                    .col(big_pk_auto("id"))
                    .col(big_integer_null("actor_id"))
                    .col(string("actor_name"))
                    .col(string("action"))
                    .col(string("target_type"))
                    .col(big_integer("target_id"))
                    .col(string("target_name"))
                    .col(text("details"))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
            )
            .await?;
        manager.create_index(index("audit_event", &["target_type", "target_id"]).take()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_event", "ledger_entry", "chat", "session", "user"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

fn owned_by_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_user_id"))
        .from(table, "user_id")
        .to("user", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("idx_{table}_{}", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
