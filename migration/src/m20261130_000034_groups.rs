//! Groups of users: their members, and which group pays for a user, an API key or a conversation.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, string, string_uniq, text, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const GROUP: &str = "user_group";
const MEMBER: &str = "group_member";
const PAYER: &str = "payer_group_id";
/// The tables whose rows name a group that pays.
const PAID_FOR: [&str; 3] = ["user", "api_key", "conversation"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let group = Table::create()
            .table(GROUP)
            .col(big_pk_auto("id"))
            .col(string_uniq("name"))
            .col(text("description"))
            .col(boolean("is_default"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .take();
        manager.create_table(group).await?;
        let mut default = Index::create();
        default.name("idx_user_group_is_default").table(GROUP).col("is_default").unique();
        manager.create_index(default.and_where(Expr::col("is_default")).to_owned()).await?;
        let (mut of_group, mut of_user) = (ForeignKey::create(), ForeignKey::create());
        of_group.from(MEMBER, "group_id").to(GROUP, "id").on_delete(ForeignKeyAction::Cascade);
        of_user.from(MEMBER, "user_id").to("user", "id").on_delete(ForeignKeyAction::Cascade);
        let member = Table::create()
            .table(MEMBER)
            .col(big_pk_auto("id"))
            .col(big_integer("group_id"))
            .col(big_integer("user_id"))
            .col(string("role"))
            .col(string("source"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut of_group)
            .foreign_key(&mut of_user)
            .take();
        manager.create_table(member).await?;
        let mut of_one = Index::create();
        of_one.name("idx_group_member_user_id_group_id").table(MEMBER).col("user_id").col("group_id").unique();
        manager.create_index(of_one.take()).await?;
        let by_group =
            Index::create().name("idx_group_member_group_id_id").table(MEMBER).col("group_id").col("id").take();
        manager.create_index(by_group).await?;
        for table in PAID_FOR {
            let mut payer = big_integer_null(PAYER);
            manager.alter_table(Table::alter().table(table).add_column(&mut payer).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in PAID_FOR {
            manager.alter_table(Table::alter().table(table).drop_column(PAYER).take()).await?;
        }
        for table in [MEMBER, GROUP] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
