//! The audit trail: actions of operators. Read only.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::super::id::{self, Kind, RowId};
use super::{ConnectionOf, User, connection};
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::pagination::Page;
use crate::infra::entity::audit_event;

pub(crate) struct AuditEvent(pub(crate) audit_event::Model);

/// An event of the audit trail: one action of an operator, the command line or the server. Visible to staff. Events are
/// never changed or deleted, except by retention: it deletes events after `retention.audit_events`, and erases names
/// and texts of deleted users after `retention.deleted_users`. By default nothing is erased.
#[Object]
impl AuditEvent {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The user who acted; null for the command line, for the server itself, and if the account is deleted.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.actor_id else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(id).await.map_err(context::shared)?.map(User::from))
    }

    /// The actor's username at that time.
    async fn actor_name(&self) -> Text<'_> {
        self.0.actor_name.as_str().into()
    }

    /// The action, such as `user.update`: `AuditAction` has all of them.
    async fn action(&self) -> Text<'_> {
        self.0.action.as_str().into()
    }

    /// The user who is the target, or who owns it; null if the account is deleted.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user_id = if self.0.target_type == "user" { Some(UserId(self.0.target_id)) } else { self.0.owner_id };
        let Some(user_id) = user_id else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(user_id).await.map_err(context::shared)?.map(User::from))
    }

    /// The global id of the target: a user, a chat, an API key, a provider, a group or a webhook. The target may be deleted.
    /// Null for a model and for a server.
    async fn target_id(&self) -> Option<ID> {
        let kind = AUDITED.iter().find(|(_, name)| *name == self.0.target_type);
        kind.map(|(kind, _)| kind.of(self.0.target_id))
    }

    /// The name of the target at that time: for a chat the username of its owner, for an API key its prefix,
    /// for a provider, a model, a group or a webhook its name, for a server its listen address.
    async fn target_name(&self) -> Text<'_> {
        self.0.target_name.as_str().into()
    }

    /// The details, as a JSON object. A changed value is written as `{"from": .., "to": ..}`; `user.update` events of
    /// earlier versions tell only the values after it.
    async fn details(&self) -> Text<'_> {
        self.0.details.as_str().into()
    }

    /// Time of the action.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// The kinds of targets, with their names in the rows.
const AUDITED: [(Kind, &str); 6] = [
    (Kind::User, "user"),
    (Kind::Chat, "chat"),
    (Kind::ApiKey, "api_key"),
    (Kind::Provider, "provider"),
    (Kind::Webhook, "webhook"),
    (Kind::Group, "group"),
];

/// Returns the target type and row id of a global id.
///
/// # Errors
/// NOT_FOUND for an id of any other kind.
pub(crate) fn audited(id: &ID) -> Result<(&'static str, i64), Error> {
    let found = id::any(id).and_then(|(kind, row)| {
        let (_, name) = AUDITED.iter().find(|(audited, _)| *audited == kind)?;
        Some((*name, row))
    });
    found.ok_or_else(|| Error::not_found("object"))
}

pub(crate) async fn events(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<audit_event::Entity>, Error>>,
) -> Result<ConnectionOf<AuditEvent>> {
    connection(ctx, slice, |event| event.id.into(), AuditEvent).await
}
