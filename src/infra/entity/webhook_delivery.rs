//! Deliveries of events to webhooks: what is still to be sent, and the log of what was.

use sea_orm::entity::prelude::*;

use super::webhook::Event;
use crate::core::ids::{WebhookDeliveryId, WebhookId};

/// The delivery of one event to one webhook.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// Primary key; increases over time.
    #[sea_orm(primary_key)]
    pub id: WebhookDeliveryId,
    /// The webhook, which may have been deleted a moment ago.
    pub webhook_id: WebhookId,
    /// The id of the event, the same for all webhooks and attempts.
    pub event_id: String,
    /// The type of the event.
    pub event: Event,
    /// What the event is about, where the next event depends on the last one; `None` for most types.
    pub subject: Option<String>,
    /// The body, as it is signed and sent.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// The state.
    pub state: State,
    /// The number of attempts.
    pub attempts: i64,
    /// When the next attempt is due, while it is pending.
    pub next_attempt_at: DateTimeUtc,
    /// When a failed attempt is the last one.
    pub give_up_at: DateTimeUtc,
    /// The time of the last attempt.
    pub last_attempt_at: Option<DateTimeUtc>,
    /// The status code of the last response; `None` if there was none.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_error: Option<String>,
    /// The time of the event.
    pub created_at: DateTimeUtc,
    /// When it was delivered, or given up.
    pub finished_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "snake_case")]
#[graphql(name = "WebhookDeliveryState")]
pub enum State {
    /// Not delivered yet; there will be another attempt.
    Pending,
    /// The receiver responded with a status code of success.
    Delivered,
    /// All attempts failed, or the webhook is disabled.
    Failed,
}
