//! Webhooks and the log of their deliveries, for superusers.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::{self, app_and_viewer};
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::super::id::RowId;
use super::{ConnectionOf, User, connection, page};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::domain::webhook::{self as domain, DeliveryFilter};
use crate::infra::entity::webhook::{self, DisabledReason, Event};
use crate::infra::entity::webhook_delivery::{self, State};

pub(crate) struct Webhook(pub(crate) webhook::Model);

/// A webhook: an address that receives events, signed by the scheme of Standard Webhooks. Visible to superusers.
#[Object]
impl Webhook {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The unique name.
    async fn name(&self) -> Text<'_> {
        self.0.name.as_str().into()
    }

    /// The address.
    async fn url(&self) -> Text<'_> {
        self.0.url.as_str().into()
    }

    /// The events that it receives.
    async fn events(&self) -> Vec<Event> {
        self.0.events()
    }

    /// Whether events are sent to it.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Why it is disabled; null while it is enabled.
    async fn disabled_reason(&self) -> Option<DisabledReason> {
        self.0.disabled_reason
    }

    /// The first failed attempt since the last successful one; null if the last one succeeded.
    async fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.0.failing_since
    }

    /// Until when the secret before the last rotation signs too; null if there is none.
    async fn previous_secret_until(&self) -> Option<DateTime<Utc>> {
        self.0.previous_until
    }

    /// The user who added it; null for the command line and a deleted account.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.created_by_id else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(id).await.map_err(context::shared)?.map(User::from))
    }

    /// When it was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// The log of deliveries, newest first. They are deleted after `retention.webhook_deliveries`.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only deliveries in this state.")] state: Option<State>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<WebhookDelivery>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (actor, page) = (viewer.require_superuser()?.into(), page(first, last, after, before)?);
        let rows = domain::deliveries(app, actor, self.0.id, DeliveryFilter { state }, page);
        Ok(Some(connection(ctx, rows, |row| row.id.into(), WebhookDelivery).await?))
    }
}

pub(crate) struct WebhookDelivery(pub(crate) webhook_delivery::Model);

/// The delivery of one event to one webhook, with all its attempts. Visible to superusers.
#[Object]
impl WebhookDelivery {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The id of the event, which is sent as `webhook-id`: the same for all webhooks and attempts.
    async fn event_id(&self) -> Text<'_> {
        self.0.event_id.as_str().into()
    }

    /// The type of the event.
    async fn event(&self) -> Event {
        self.0.event
    }

    /// The body, a JSON object.
    async fn payload(&self) -> Text<'_> {
        self.0.payload.as_str().into()
    }

    /// The state.
    async fn state(&self) -> State {
        self.0.state
    }

    /// The number of attempts.
    async fn attempts(&self) -> i64 {
        self.0.attempts
    }

    /// When the next attempt is due; null if there is none.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        (self.0.state == State::Pending).then_some(self.0.next_attempt_at)
    }

    /// The time of the last attempt; null before the first.
    async fn last_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_attempt_at
    }

    /// The status code of the last response; null if there was none.
    async fn last_status(&self) -> Option<i64> {
        self.0.last_status
    }

    /// Why the last attempt failed; null if it succeeded, and before the first.
    async fn last_error(&self) -> Option<Text<'_>> {
        self.0.last_error.as_deref().map(Text::from)
    }

    /// The time of the event.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was delivered, or given up; null while it is pending.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }
}

pub(crate) async fn webhooks(
    ctx: &Context<'_>,
    page: impl Future<Output = Result<Page<webhook::Entity>, Error>>,
) -> Result<ConnectionOf<Webhook>> {
    connection(ctx, page, |row| row.id.into(), Webhook).await
}
