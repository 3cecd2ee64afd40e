//! Conversations.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::id::Kind;
use super::{Chat, List, chats, connection, page};
use crate::chat::{self, Filter};
use crate::entity;
use crate::page::{Key, Place, Slice};

/// Chats that a model sees together, in their order. Visible to its owner.
pub(crate) struct Conversation(pub(crate) entity::conversation::Model);

/// Chats that a model sees together, in their order. Visible to its owner.
#[Object]
impl Conversation {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Conversation.id(self.0.id)
    }

    /// What it is called; empty until the first message, where no title was given.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Instructions to the model that hold for the whole conversation.
    async fn system_prompt(&self) -> Option<&str> {
        self.0.system_prompt.as_deref()
    }

    /// The model that answers where a message names none; null for the default one.
    async fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
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
    ) -> Result<Option<List<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter = Filter { conversation_id: Some(self.0.id), replaced, ..Filter::default() };
        Ok(Some(chats(chat::history(app, viewer, filter, page(first, last, after, before)?).await?)))
    }
}

pub(crate) fn conversations(slice: Slice<entity::conversation::Entity>) -> List<Conversation> {
    let place = |row: &entity::conversation::Model| Place { key: Some(Key::Number(row.active_at)), id: row.id };
    connection(slice, place, Conversation)
}
