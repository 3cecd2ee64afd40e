//! A refresh token whose answer was lost is good once more for a moment, for the client that used it: a session keeps which
//! token was used last, when, and by whom.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "session";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [string_null("used_jti"), timestamp_with_time_zone_null("used_at"), string_null("used_by")];
        for mut column in columns {
            manager.alter_table(Table::alter().table(TABLE).add_column(&mut column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["used_jti", "used_at", "used_by"] {
            manager.alter_table(Table::alter().table(TABLE).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
