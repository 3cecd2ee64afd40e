//! Conversations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::bounded::Text;
use super::super::context::app_and_viewer;
use super::super::id::Kind;
use super::{Chat, ConnectionOf, chats, connection, page};
use crate::core::error::Error;
use crate::core::pagination::{Cursor, Page, SortKey};
use crate::domain::chat::{self, HistoryFilter};
use crate::infra::entity;

/// Chats that a model sees together, in their order. Visible to its owner.
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

/// Chats that a model sees together, in their order. Visible to its owner.
#[Object]
impl Conversation {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Conversation.id(self.0.id)
    }

    /// What it is called; empty until the first message, where no title was given.
    async fn title(&self) -> Text<'_> {
        self.0.title.as_str().into()
    }

    /// Instructions to the model that hold for the whole conversation.
    async fn system_prompt(&self) -> Option<Text<'_>> {
        self.0.system_prompt.as_deref().map(Text::from)
    }

    /// The model that answers where a message names none; null for the default one.
    async fn model(&self) -> Option<Text<'_>> {
        self.0.model.as_deref().map(Text::from)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When a message last came, or when it was made.
    async fn active_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.active_at).unwrap_or(self.0.created_at)
    }

    /// Its chats, newest first: those that the model sees, and those that were replaced.
    async fn chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that were replaced, or only those that were not.")] replaced: Option<bool>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter = HistoryFilter { conversation_id: Some(self.0.id), replaced, ..HistoryFilter::default() };
        let page = page(first, last, after, before)?;
        Ok(Some(chats(ctx, chat::history(app, viewer, filter, page)).await?))
    }
}

pub(crate) async fn conversations(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<entity::conversation::Entity>, Error>>,
) -> Result<ConnectionOf<Conversation>> {
    let place = |row: &entity::conversation::Model| Cursor { key: Some(SortKey::Number(row.active_at)), id: row.id };
    connection(ctx, slice, place, Conversation::from).await
}
