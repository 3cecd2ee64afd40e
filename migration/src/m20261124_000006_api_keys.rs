//! API keys, and the key under which a chat and its ledger entry were charged.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, string, string_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The new columns of existing tables. They have no foreign keys: an API key is deleted only with its user.
const COLUMNS: [(&str, &str); 3] = [("chat", "api_key_id"), ("chat", "fingerprint"), ("ledger_entry", "api_key_id")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let not_negative = |column: &'static str| big_integer(column).default(0).check(Expr::col(column).gte(0)).take();
        manager
            .create_table(
                Table::create()
                    .table("api_key")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(string("name"))
                    .col(string("prefix").unique_key())
                    .col(string("secret_hash"))
                    .col(string("scopes"))
                    .col(string_null("models"))
                    .col(big_integer_null("total_limit"))
                    .col(big_integer_null("daily_limit"))
                    .col(big_integer_null("monthly_limit"))
                    .col(not_negative("held"))
                    .col(not_negative("spent"))
                    .col(string("day").default(""))
                    .col(not_negative("spent_in_day"))
                    .col(string("month").default(""))
                    .col(not_negative("spent_in_month"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("expires_at"))
                    .col(timestamp_with_time_zone_null("last_used_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("fk_api_key_user_id")
                            .from("api_key", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        let of_user = Index::create().name("idx_api_key_user_id_id").table("api_key").col("user_id").col("id").take();
        manager.create_index(of_user).await?;
        for (table, column) in COLUMNS {
            let mut added = match column {
                "fingerprint" => string_null(column),
                _ => big_integer_null(column),
            };
            manager.alter_table(Table::alter().table(table).add_column(&mut added).take()).await?;
        }
        // A partial index, since most chats have no key.
        let by_key = Index::create()
            .name("idx_ledger_entry_api_key_id")
            .table("ledger_entry")
            .col("api_key_id")
            .and_where(Expr::col("api_key_id").is_not_null())
            .take();
        manager.create_index(by_key).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_key = Index::drop().name("idx_ledger_entry_api_key_id").table("ledger_entry").to_owned();
        manager.drop_index(by_key).await?;
        for (table, column) in COLUMNS {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        manager.drop_table(Table::drop().table("api_key").take()).await
    }
}
