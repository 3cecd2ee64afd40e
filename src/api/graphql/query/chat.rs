//! Chats: the viewer's own and, for staff, those of all users.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, Chat, ConnectionOf, page};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::pagination::TimeRange;
use crate::domain::chat::{self, AdminChatFilter, ChatOrder, HistoryFilter};
use crate::infra::entity::chat::Status;

#[derive(Default)]
pub(super) struct ChatQuery;

#[Object]
impl ChatQuery {
    /// One of your chats.
    async fn chat(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<Chat>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        Ok(Some(chat::find(app, reader, ChatId::parse(&id)?).await?.into()))
    }

    /// Your chats, newest first, or the results of a search.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chat_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Search terms: all of them must occur in the message or the reply, in any script, ignoring case and \
                    accents; the last one matches as a prefix. Covers the 1000 newest matching finished chats."
        )]
        search: Option<String>,
        #[graphql(desc = "Sort order of search results. Defaults to NEWEST.")] order_by: Option<ChatOrder>,
        #[graphql(desc = "Returns only the chats of this conversation.")] conversation_id: Option<ID>,
        #[graphql(desc = "Filters by whether the chat was replaced in the context.")] replaced: Option<bool>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        let conversation_id = conversation_id.map(|id| ConversationId::parse(&id)).transpose()?;
        let filter = HistoryFilter { search, order: order_by.unwrap_or_default(), conversation_id, replaced };
        let page = page(first, last, after, before)?;
        Ok(Some(types::chats(ctx, chat::history(app, reader, filter, page)).await?))
    }

    /// The chats of all users, newest first. For staff. Reading the texts of other users' chats, or searching them, is
    /// recorded in the audit trail.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Search terms in the message or the reply, as in `chatHistory`, or a part of the username. Covers \
                    the 1000 newest chats that match either."
        )]
        search: Option<String>,
        #[graphql(desc = "Returns only the chats of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Returns only the chats with this model.")] model: Option<String>,
        #[graphql(desc = "Returns only the chats with this status.")] status: Option<Status>,
        #[graphql(desc = "Start of the time range of `createdAt`, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range of `createdAt`, exclusive.")] until: Option<DateTime<Utc>>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let user_id = user_id.map(|id| UserId::parse(&id)).transpose()?;
        let with_text = types::shows_text(ctx.look_ahead().field("nodes"))
            || types::shows_text(ctx.look_ahead().field("edges").field("node"));
        let period = TimeRange { since, until };
        let wanted = AdminChatFilter { search, user_id, model, status, period, with_text };
        let page = page(first, last, after, before)?;
        Ok(Some(types::chats(ctx, chat::all(app, staff, wanted, page)).await?))
    }
}
