//! The default model that superusers choose at run time, beside the epoch of the catalog.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const EPOCH: &str = "catalog_epoch";
const COLUMN: &str = "default_model";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A name, since a model of a configuration file has no row.
        manager.alter_table(Table::alter().table(EPOCH).add_column(string_null(COLUMN)).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(EPOCH).drop_column(COLUMN).take()).await
    }
}
