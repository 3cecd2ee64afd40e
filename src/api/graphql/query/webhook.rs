//! Webhooks, for superusers.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ConnectionOf, Webhook, page};
use crate::core::ids::WebhookId;
use crate::domain::webhook;

#[derive(Default)]
pub(super) struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// The webhooks, newest first. For superusers.
    async fn webhooks(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Webhook>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (actor, page) = (viewer.require_superuser()?.into(), page(first, last, after, before)?);
        Ok(Some(types::webhooks(ctx, webhook::page(app, actor, page)).await?))
    }

    /// One webhook. For superusers.
    async fn webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of the webhook.")] id: ID,
    ) -> Result<Option<Webhook>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        Ok(Some(Webhook(webhook::find(app, actor, WebhookId::parse(&id)?).await?)))
    }
}
