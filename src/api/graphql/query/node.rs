//! Any object by its global id.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::{self, Kind};
use super::super::types::{
    ApiKey, AuditEvent, LedgerEntry, Node, Provider, Session, User, Webhook, WebhookDelivery, shows_text,
};
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::viewer::Actor;
use crate::domain::account;
use crate::domain::account::admin;
use crate::domain::audit;
use crate::domain::catalog;
use crate::domain::chat::{self, conversation};
use crate::domain::session::{self, api_key};
use crate::domain::webhook;
use crate::domain::{group, ledger};

#[derive(Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Any object by its global id; null if it does not exist or you may not see it.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<Node>> {
        match self.find_node(ctx, &id).await {
            Err(error) if matches!(error.code, Code::NotFound | Code::Unauthenticated | Code::Forbidden) => Ok(None),
            found => Ok(found?),
        }
    }
}

impl NodeQuery {
    async fn find_node(&self, ctx: &Context<'_>, id: &ID) -> Result<Option<Node>, Error> {
        let (app, viewer) = app_and_viewer(ctx).map_err(|error| Error::internal(error.message))?;
        let Some((kind, row)) = id::any(id) else { return Ok(None) };
        Ok(Some(match kind {
            Kind::User if viewer.require_read()?.id == UserId(row) => {
                return Ok(account::me(app, viewer.require_read()?).await?.map(User::from).map(Node::User));
            }
            Kind::User => Node::User(admin::find(app, Actor::from(viewer.require_staff()?), row.into()).await?.into()),
            Kind::Chat => Node::Chat(match viewer.require_staff() {
                Ok(staff) => chat::find_any(app, staff, row.into(), shows_text(ctx.look_ahead())).await?.into(),
                Err(_) => chat::find(app, viewer.require_read()?, row.into()).await?.into(),
            }),
            Kind::Conversation => {
                Node::Conversation(conversation::find(app, viewer.require_read()?, row.into()).await?.into())
            }
            Kind::LedgerEntry => Node::LedgerEntry(LedgerEntry(ledger::find(&app.db, viewer, row.into()).await?)),
            Kind::Session => Node::Session(Session(session::find(app, viewer.require_session()?, row.into()).await?)),
            Kind::ApiKey => Node::ApiKey(ApiKey(api_key::one(app, viewer.require_session()?, row.into()).await?)),
            Kind::Provider => {
                Node::Provider(Provider(catalog::find_provider(app, viewer.require_staff()?, row.into()).await?))
            }
            Kind::Group => Node::Group(group::find(app, viewer, row.into()).await?.into()),
            Kind::Webhook => {
                let actor = viewer.require_superuser()?.into();
                Node::Webhook(Webhook(webhook::find(app, actor, row.into()).await?))
            }
            Kind::WebhookDelivery => {
                let actor = viewer.require_superuser()?.into();
                Node::WebhookDelivery(WebhookDelivery(webhook::find_delivery(app, actor, row.into()).await?))
            }
            Kind::AuditEvent => {
                Node::AuditEvent(AuditEvent(audit::find(app, viewer.require_staff()?, row.into()).await?))
            }
        }))
    }
}
