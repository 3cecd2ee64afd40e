//! Images in the input: their price, and how many of them a chat had. And the reasoning that its provider wants back.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COUNTED: [&str; 2] = ["chat", "usage_day"];
const IMAGES: &str = "images";
const PRICE: &str = "price";
const PER_IMAGE: &str = "per_image";
const BLOCKS: &str = "reasoning_block";
const CHAT_ID: &str = "chat_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in COUNTED {
            let mut images = big_integer_null(IMAGES);
            manager.alter_table(Table::alter().table(table).add_column(&mut images).take()).await?;
        }
        let mut per_image = big_integer(PER_IMAGE).default(0).take();
        manager.alter_table(Table::alter().table(PRICE).add_column(&mut per_image).take()).await?;
        let mut of_chat = ForeignKey::create()
            .name("fk_reasoning_block_chat")
            .from(BLOCKS, CHAT_ID)
            .to("chat", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut chat_id = big_integer(CHAT_ID).primary_key().take();
        let blocks =
            Table::create().table(BLOCKS).col(&mut chat_id).col(text("blocks")).foreign_key(&mut of_chat).take();
        manager.create_table(blocks).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(BLOCKS).take()).await?;
        manager.alter_table(Table::alter().table(PRICE).drop_column(PER_IMAGE).take()).await?;
        for table in COUNTED {
            manager.alter_table(Table::alter().table(table).drop_column(IMAGES).take()).await?;
        }
        Ok(())
    }
}
