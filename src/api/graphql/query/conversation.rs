//! The viewer's conversations.

use async_graphql::{Context, ID, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, ConnectionOf, Conversation, page};
use crate::core::ids::ConversationId;
use crate::domain::chat::conversation::{self, ConversationFilter};

#[derive(Default)]
pub(super) struct ConversationQuery;

#[Object]
impl ConversationQuery {
    /// One of your conversations.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Result<Option<Conversation>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        Ok(Some(conversation::find(app, reader, ConversationId::parse(&id)?).await?.into()))
    }

    /// Your conversations, most recently active first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Returns the archived conversations instead of the others.")] archived: bool,
        #[graphql(desc = "Filters by whether the conversation is pinned.")] pinned: Option<bool>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Conversation>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        let filter = ConversationFilter { archived, pinned };
        let page = page(first, last, after, before)?;
        Ok(Some(types::conversations(ctx, conversation::list(app, reader, filter, page)).await?))
    }
}
