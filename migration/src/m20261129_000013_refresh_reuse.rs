//! The reuse interval of refresh tokens: a session keeps the id of its previous token, and when and by which client it
//! was rotated, so that a client that lost the response receives the same tokens on a retry.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "session";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns =
            [string_null("previous_jti"), timestamp_with_time_zone_null("rotated_at"), string_null("rotated_by")];
        for mut column in columns {
            manager.alter_table(Table::alter().table(TABLE).add_column(&mut column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["previous_jti", "rotated_at", "rotated_by"] {
            manager.alter_table(Table::alter().table(TABLE).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
