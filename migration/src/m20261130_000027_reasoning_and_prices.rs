//! What a chat is charged for: the parts of its usage, and the version of the price that was paid; and its reasoning.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, string, text_null, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHAT: &str = "chat";
const NUMBERS: [&str; 6] =
    ["reasoning_ms", "price_id", "messages_charged", "cache_read_units", "cache_write_units", "reasoning_units"];
const REASONING: &str = "reasoning";
const PRICE: &str = "price";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut price = Table::create();
        price.table(PRICE).col(big_pk_auto("id")).col(string("model")).col(big_integer("version"));
        for part in ["per_message", "input", "cache_read", "cache_write", "output", "reasoning"] {
            price.col(big_integer(part));
        }
        manager.create_table(price.col(timestamp_with_time_zone("created_at")).take()).await?;
        let versions =
            Index::create().name("idx_price_version").table(PRICE).col("model").col("version").unique().take();
        manager.create_index(versions).await?;
        for column in NUMBERS {
            let mut number = big_integer_null(column);
            manager.alter_table(Table::alter().table(CHAT).add_column(&mut number).take()).await?;
        }
        let mut reasoning = text_null(REASONING);
        manager.alter_table(Table::alter().table(CHAT).add_column(&mut reasoning).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in NUMBERS.into_iter().chain([REASONING]) {
            manager.alter_table(Table::alter().table(CHAT).drop_column(column).take()).await?;
        }
        manager.drop_table(Table::drop().table(PRICE).take()).await
    }
}
