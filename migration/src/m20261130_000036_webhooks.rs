//! Outgoing webhooks, and their deliveries: the outbox and the log in one table.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, string_uniq, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const WEBHOOK: &str = "webhook";
const DELIVERY: &str = "webhook_delivery";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let webhook = Table::create()
            .table(WEBHOOK)
            .col(big_pk_auto("id"))
            .col(string_uniq("name"))
            .col(text("url"))
            // Names of events, as a JSON list.
            .col(text("events"))
            .col(boolean("enabled"))
            .col(string_null("disabled_reason"))
            .col(timestamp_with_time_zone_null("failing_since"))
            // Ciphertext; and the id of the secret that it is encrypted under. The previous one signs until it expires.
            .col(text("sealed_secret"))
            .col(string("seal_id"))
            .col(text_null("previous_sealed_secret"))
            .col(string_null("previous_seal_id"))
            .col(timestamp_with_time_zone_null("previous_until"))
            // Not a foreign key: a webhook outlives the user who added it.
            .col(big_integer_null("created_by_id"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .take();
        manager.create_table(webhook).await?;
        let delivery = Table::create()
            .table(DELIVERY)
            .col(big_pk_auto("id"))
            // Not a foreign key: a server that has not noticed a deletion must not fail what the event reports.
            .col(big_integer("webhook_id"))
            .col(string("event_id"))
            .col(string("event"))
            .col(string_null("subject"))
            .col(text("payload"))
            .col(string("state"))
            .col(big_integer("attempts"))
            .col(timestamp_with_time_zone("next_attempt_at"))
            .col(timestamp_with_time_zone("give_up_at"))
            .col(timestamp_with_time_zone_null("last_attempt_at"))
            .col(big_integer_null("last_status"))
            .col(text_null("last_error"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("finished_at"))
            .take();
        manager.create_table(delivery).await?;
        for (name, columns) in [
            ("idx_webhook_delivery_due", ["state", "webhook_id", "next_attempt_at"].as_slice()),
            ("idx_webhook_delivery_webhook_id", &["webhook_id", "id"]),
            ("idx_webhook_delivery_subject", &["subject", "webhook_id", "id"]),
            ("idx_webhook_delivery_give_up_at", &["give_up_at"]),
        ] {
            let mut index = Index::create();
            index.name(name).table(DELIVERY);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [DELIVERY, WEBHOOK] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
