//! Mutations of webhooks.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::{Payload, Text};
use super::super::id::RowId;
use super::super::types::{Webhook, WebhookDelivery};
use crate::core::ids::{WebhookDeliveryId, WebhookId};
use crate::domain::webhook::{self, NewWebhook, WebhookUpdate};
use crate::infra::entity::webhook::{Event, Model};

#[derive(Default)]
pub(super) struct WebhookMutation;

/// A webhook to add.
#[derive(InputObject)]
struct CreateWebhookInput {
    /// The unique name, 1 to 100 characters.
    name: String,
    /// The address, at most 1000 characters: https or http, without a user name and a password. Private networks are
    /// allowed by `webhooks.allow_private_networks`.
    url: String,
    /// The events that it receives, at least one.
    events: Vec<Event>,
}

/// Changes to a webhook. Omitted fields stay unchanged.
#[derive(InputObject)]
struct UpdateWebhookInput {
    /// The global id of the webhook.
    webhook_id: ID,
    /// The unique name, 1 to 100 characters.
    name: Option<String>,
    /// The address, at most 1000 characters.
    url: Option<String>,
    /// The events that it receives: all of them, at least one.
    events: Option<Vec<Event>>,
    /// Whether events are sent to it. Enabling it forgets its earlier failures.
    enabled: Option<bool>,
}

/// The webhook to remove.
#[derive(InputObject)]
struct DeleteWebhookInput {
    /// The global id of the webhook.
    webhook_id: ID,
}

/// The webhook that gets another secret.
#[derive(InputObject)]
struct RotateWebhookSecretInput {
    /// The global id of the webhook.
    webhook_id: ID,
}

/// The webhook to test.
#[derive(InputObject)]
struct SendTestWebhookInput {
    /// The global id of the webhook.
    webhook_id: ID,
}

/// The delivery to send again.
#[derive(InputObject)]
struct ResendWebhookDeliveryInput {
    /// The global id of the delivery.
    delivery_id: ID,
}

/// An added webhook.
#[derive(SimpleObject)]
struct CreateWebhookPayload {
    /// The webhook; null if none was added.
    webhook: Option<Webhook>,
    /// The secret that signs, `whsec_..`. It is stored encrypted, and never shown again.
    secret: Option<Text<'static>>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed webhook.
#[derive(SimpleObject)]
struct UpdateWebhookPayload {
    /// The webhook; null if it was not changed.
    webhook: Option<Webhook>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A removed webhook.
#[derive(SimpleObject)]
struct DeleteWebhookPayload {
    /// The global id of the removed webhook; null if none was removed.
    deleted_webhook_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// A webhook with another secret.
#[derive(SimpleObject)]
struct RotateWebhookSecretPayload {
    /// The webhook; null if its secret was not replaced.
    webhook: Option<Webhook>,
    /// The secret that signs from now on. It is stored encrypted, and never shown again.
    secret: Option<Text<'static>>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// The result of a test.
#[derive(SimpleObject)]
struct SendTestWebhookPayload {
    /// The delivery, after its only attempt; null if none was made.
    delivery: Option<WebhookDelivery>,
    /// Errors; empty if the test was sent, whatever the receiver responded.
    errors: Vec<UserError>,
}

/// A delivery that is sent again.
#[derive(SimpleObject)]
struct ResendWebhookDeliveryPayload {
    /// The delivery, pending; null if it is not sent again.
    delivery: Option<WebhookDelivery>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl WebhookMutation {
    /// Adds a webhook, and returns its secret once. For superusers. Recorded in the audit trail, as are all changes of
    /// webhooks.
    async fn create_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: CreateWebhookInput,
    ) -> Result<Payload<CreateWebhookPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let CreateWebhookInput { name, url, events } = input;
        let (created, errors) = outcome(webhook::create(app, actor, NewWebhook { name, url, events }).await)?;
        let (webhook, secret) = shown(created);
        Ok(Payload(CreateWebhookPayload { webhook, secret, errors }))
    }

    /// Changes, enables or disables a webhook. For superusers.
    async fn update_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook and its changes.")] input: UpdateWebhookInput,
    ) -> Result<Payload<UpdateWebhookPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let UpdateWebhookInput { webhook_id, name, url, events, enabled } = input;
        let update = WebhookUpdate { name, url, events, enabled };
        let changed = async { webhook::update(app, actor, WebhookId::parse(&webhook_id)?, update).await };
        let (changed, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateWebhookPayload { webhook: changed.map(Webhook), errors }))
    }

    /// Removes a webhook and the log of its deliveries. For superusers.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: DeleteWebhookInput,
    ) -> Result<Payload<DeleteWebhookPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let deleted = async { webhook::delete(app, actor, WebhookId::parse(&input.webhook_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteWebhookPayload { deleted_webhook_id: deleted.map(|()| input.webhook_id), errors }))
    }

    /// Replaces the secret of a webhook, and returns the new one once. The one before signs too for 24 hours. For
    /// superusers.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: RotateWebhookSecretInput,
    ) -> Result<Payload<RotateWebhookSecretPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let rotated = async { webhook::rotate_secret(app, actor, WebhookId::parse(&input.webhook_id)?).await };
        let (rotated, errors) = outcome(rotated.await)?;
        let (webhook, secret) = shown(rotated);
        Ok(Payload(RotateWebhookSecretPayload { webhook, secret, errors }))
    }

    /// Sends the event `webhook.test` to a webhook, which may be disabled, and waits for the response. It is not retried.
    /// For superusers.
    async fn send_test_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: SendTestWebhookInput,
    ) -> Result<Payload<SendTestWebhookPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let tested = async { webhook::test(app, actor, WebhookId::parse(&input.webhook_id)?).await };
        let (tested, errors) = outcome(tested.await)?;
        Ok(Payload(SendTestWebhookPayload { delivery: tested.map(WebhookDelivery), errors }))
    }

    /// Sends a delivery again, whatever its state, with the same id and body. For superusers.
    async fn resend_webhook_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery.")] input: ResendWebhookDeliveryInput,
    ) -> Result<Payload<ResendWebhookDeliveryPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let resent = async { webhook::resend(app, actor, WebhookDeliveryId::parse(&input.delivery_id)?).await };
        let (resent, errors) = outcome(resent.await)?;
        Ok(Payload(ResendWebhookDeliveryPayload { delivery: resent.map(WebhookDelivery), errors }))
    }
}

/// Returns a webhook and its secret, which is shown only here.
fn shown(created: Option<(Model, SecretString)>) -> (Option<Webhook>, Option<Text<'static>>) {
    created.map(|(row, secret)| (Webhook(row), Text::from(secret.expose_secret().to_owned()))).unzip()
}
