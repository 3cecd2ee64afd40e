//! The catalog: providers, models and their routes, beside those of the configuration file; who changed a price; and the
//! epoch, which each change increments, so that servers notice it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, string_uniq, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const PROVIDER: &str = "provider";
const MODEL: &str = "model";
const ROUTE: &str = "model_route";
const EPOCH: &str = "catalog_epoch";
const PRICE: &str = "price";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Not a foreign key: a version of a price outlives the user who set it.
        let mut changed_by = big_integer_null("changed_by_id");
        manager.alter_table(Table::alter().table(PRICE).add_column(&mut changed_by).take()).await?;
        let provider = Table::create()
            .table(PROVIDER)
            .col(big_pk_auto("id"))
            .col(string_uniq("name"))
            .col(string("kind"))
            .col(string("base_url"))
            // Ciphertext; and the id of the secret that it is encrypted under.
            .col(text_null("sealed_key"))
            .col(string_null("seal_id"))
            .col(string_null("key_last_four"))
            .col(timestamp_with_time_zone_null("key_set_at"))
            .col(text("headers"))
            .col(big_integer("max_retries"))
            .col(big_integer("circuit_cooldown_ms"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .take();
        manager.create_table(provider).await?;
        let mut price = ForeignKey::create();
        price.from(MODEL, "price_id").to(PRICE, "id");
        let model = Table::create()
            .table(MODEL)
            .col(big_pk_auto("id"))
            .col(string_uniq("name"))
            .col(string_null("title"))
            .col(text_null("description"))
            .col(big_integer("context_window"))
            .col(big_integer("max_output"))
            .col(big_integer("max_concurrent"))
            .col(boolean("images"))
            .col(boolean("tools"))
            .col(boolean("reasoning"))
            .col(boolean("enabled"))
            .col(big_integer("price_id"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(&mut price)
            .take();
        manager.create_table(model).await?;
        let (mut of_model, mut to_provider) = (ForeignKey::create(), ForeignKey::create());
        of_model.from(ROUTE, "model_id").to(MODEL, "id").on_delete(ForeignKeyAction::Cascade);
        to_provider.from(ROUTE, "provider_id").to(PROVIDER, "id");
        let route = Table::create()
            .table(ROUTE)
            .col(big_pk_auto("id"))
            .col(big_integer("model_id"))
            .col(big_integer("provider_id"))
            .col(string("upstream_model"))
            .col(big_integer("position"))
            .col(big_integer("weight"))
            .foreign_key(&mut of_model)
            .foreign_key(&mut to_provider)
            .take();
        manager.create_table(route).await?;
        for column in ["model_id", "provider_id"] {
            let name = format!("idx_model_route_{column}");
            manager.create_index(Index::create().name(name).table(ROUTE).col(column).take()).await?;
        }
        let epoch = Table::create().table(EPOCH).col(big_pk_auto("id")).col(big_integer("epoch")).take();
        manager.create_table(epoch).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [EPOCH, ROUTE, MODEL, PROVIDER] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        manager.alter_table(Table::alter().table(PRICE).drop_column("changed_by_id").take()).await
    }
}
