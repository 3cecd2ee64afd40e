//! Webhooks: addresses that receive events.

use sea_orm::Iterable;
use sea_orm::entity::prelude::*;

use super::provider::Sealed;
use crate::core::ids::{UserId, WebhookId};

/// A webhook.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: WebhookId,
    /// The unique name.
    #[sea_orm(unique)]
    pub name: String,
    /// The address that receives the events.
    #[sea_orm(column_type = "Text")]
    pub url: String,
    /// The events that it receives, as a JSON list of their types.
    #[sea_orm(column_type = "Text")]
    pub events: String,
    /// Whether events are sent to it.
    pub enabled: bool,
    /// Why it is disabled; `None` while it is enabled.
    pub disabled_reason: Option<DisabledReason>,
    /// The first failed attempt since the last successful one; `None` if the last one succeeded.
    pub failing_since: Option<DateTimeUtc>,
    /// The secret that signs, encrypted.
    #[sea_orm(column_type = "Text")]
    pub sealed_secret: Sealed,
    /// The id of the secret that it is encrypted under.
    pub seal_id: String,
    /// The secret before the last rotation, encrypted; it signs too, until it expires.
    #[sea_orm(column_type = "Text", nullable)]
    pub previous_sealed_secret: Option<Sealed>,
    /// The id of the secret that the previous one is encrypted under.
    pub previous_seal_id: Option<String>,
    /// When the previous secret expires.
    pub previous_until: Option<DateTimeUtc>,
    /// The user who added it; `None` for the command line.
    pub created_by_id: Option<UserId>,
    /// When it was added.
    pub created_at: DateTimeUtc,
    /// When it was last changed.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// Why a webhook is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "snake_case")]
#[graphql(name = "WebhookDisabledReason")]
pub enum DisabledReason {
    /// A superuser disabled it.
    Operator,
    /// The receiver responded 410 Gone.
    Gone,
    /// All attempts of five days failed.
    Failing,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[graphql(name = "WebhookEvent")]
pub enum Event {
    /// `user.created`: a user registered, or an operator created an account.
    #[sea_orm(string_value = "user.created")]
    UserCreated,
    /// `chat.failed`: a message failed, or its server stopped.
    #[sea_orm(string_value = "chat.failed")]
    ChatFailed,
    /// `balance.adjusted`: an operator adjusted a balance.
    #[sea_orm(string_value = "balance.adjusted")]
    BalanceAdjusted,
    /// `balance.low`: a balance fell below `notices.low_balance`.
    #[sea_orm(string_value = "balance.low")]
    BalanceLow,
    /// `provider.down`: an upstream of a model failed several times in a row.
    #[sea_orm(string_value = "provider.down")]
    ProviderDown,
    /// `provider.recovered`: such an upstream responds again.
    #[sea_orm(string_value = "provider.recovered")]
    ProviderRecovered,
    /// `webhook.test`: a superuser tests the webhook. Every webhook receives it.
    #[sea_orm(string_value = "webhook.test")]
    WebhookTest,
}

impl Event {
    /// Returns the type, as it is sent and stored.
    pub fn name(self) -> String {
        self.to_value()
    }

    /// Returns the event of a type.
    pub fn named(name: &str) -> Option<Self> {
        Self::iter().find(|event| event.name() == name)
    }
}

impl Model {
    /// Returns the events that it receives.
    pub fn events(&self) -> Vec<Event> {
        // Only this server writes the column; an unknown one is of a later version.
        let names: Vec<String> = serde_json::from_str(&self.events).unwrap_or_default();
        names.iter().filter_map(|name| Event::named(name)).collect()
    }
}
