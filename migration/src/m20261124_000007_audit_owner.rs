//! The owner of the chat or key of an audit event, so that the event is in the history of that user.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEX: &str = "idx_audit_event_owner_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut owner = big_integer_null("owner_id");
        manager.alter_table(Table::alter().table("audit_event").add_column(&mut owner).take()).await?;
        let by_owner = Index::create()
            .name(INDEX)
            .table("audit_event")
            .col("owner_id")
            .and_where(Expr::col("owner_id").is_not_null())
            .take();
        manager.create_index(by_owner).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table("audit_event").to_owned()).await?;
        manager.alter_table(Table::alter().table("audit_event").drop_column("owner_id").take()).await
    }
}
