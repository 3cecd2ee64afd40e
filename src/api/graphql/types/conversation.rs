//! The conversation type. Access is decided in the domain, not here.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::execution::bounded::Text;
use super::super::id::RowId;
use super::group::payer;
use super::{Chat, ConnectionOf, Group, chats, connection, page};
use crate::core::error::Error;
use crate::core::pagination::{Cursor, Page, SortKey};
use crate::domain::chat::{self, HistoryFilter};
use crate::infra::entity;

pub(crate) struct Conversation(Arc<entity::conversation::Model>);

impl From<entity::conversation::Model> for Conversation {
    fn from(row: entity::conversation::Model) -> Self {
        Self(Arc::new(row))
    }
}

impl From<Arc<entity::conversation::Model>> for Conversation {
    fn from(row: Arc<entity::conversation::Model>) -> Self {
        Self(row)
    }
}

/// A conversation: an ordered sequence of chats that form the context of the next message. Visible to its owner.
#[Object]
impl Conversation {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The title; empty until the first message if none was given.
    async fn title(&self) -> Text<'_> {
        self.0.title.as_str().into()
    }

    /// The system prompt: instructions to the model for the whole conversation.
    async fn system_prompt(&self) -> Option<Text<'_>> {
        self.0.system_prompt.as_deref().map(Text::from)
    }

    /// The model for messages that name none; null for the default model.
    async fn model(&self) -> Option<Text<'_>> {
        self.0.model.as_deref().map(Text::from)
    }

    /// The group that pays for its messages; null for the owner's own choice of `setPayer`.
    async fn payer(&self, ctx: &Context<'_>) -> Result<Option<Group>> {
        payer(ctx, self.0.payer_group_id).await
    }

    /// Whether it is pinned.
    async fn pinned(&self) -> bool {
        self.0.pinned_at.is_some()
    }

    /// Whether it is archived.
    async fn archived(&self) -> bool {
        self.0.archived_at.is_some()
    }

    /// Creation time.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the last message, or creation time.
    async fn active_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.active_at).unwrap_or(self.0.created_at)
    }

    /// The chats, newest first, including those that were replaced.
    async fn chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filters by whether the chat was replaced in the context.")] replaced: Option<bool>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter = HistoryFilter { conversation_id: Some(self.0.id), replaced, ..HistoryFilter::default() };
        let page = page(first, last, after, before)?;
        Ok(Some(chats(ctx, chat::history(app, viewer.require_read()?, filter, page)).await?))
    }
}

pub(crate) async fn conversations(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<entity::conversation::Entity>, Error>>,
) -> Result<ConnectionOf<Conversation>> {
    let place = |row: &entity::conversation::Model| Cursor { key: Some(SortKey::Number(row.active_at)), id: row.id.0 };
    connection(ctx, slice, place, Conversation::from).await
}
