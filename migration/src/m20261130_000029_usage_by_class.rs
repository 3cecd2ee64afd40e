//! The model tokens of a day by class. Null for days that were counted before.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "usage_day";
const COLUMNS: [&str; 5] = ["input_units", "cache_read_units", "cache_write_units", "output_units", "reasoning_units"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let mut units = big_integer_null(column);
            manager.alter_table(Table::alter().table(TABLE).add_column(&mut units).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            manager.alter_table(Table::alter().table(TABLE).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
