//! Chats: the viewer's own and, for staff, those of all users.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, Chat, ConnectionOf, page};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::pagination::TimeRange;
use crate::core::tokens::Tokens;
use crate::domain::chat::{self, AdminChatFilter, ChatOrder, Estimate, HistoryFilter, SendMessage};
use crate::infra::entity::chat::Status;

#[derive(Default)]
pub(super) struct ChatQuery;

/// A message whose cost is estimated.
#[derive(InputObject)]
struct EstimateMessageInput {
    /// The message: 1 to `turns.max_message_chars` characters (32000 by default), not counting surrounding white space.
    message: String,
    /// The name of the model. Defaults to that of the replaced chat, of the conversation, or the default model.
    model: Option<String>,
    /// The conversation, whose earlier chats are the context of the message.
    conversation_id: Option<ID>,
    /// The global id of the chat that the message would replace, as with `regenerate` and `editMessage`. Its
    /// conversation is the context.
    replaces_id: Option<ID>,
}

/// An estimate of the cost of a message, in prepaid tokens.
#[derive(SimpleObject)]
struct MessageEstimate {
    /// The likely cost: exact at a flat price, otherwise of a reply as long as your last ones by this model. At most
    /// the hold.
    expected: Tokens,
    /// The hold, which is the maximum cost: what would be reserved now, or the least that would have to be available.
    hold: Tokens,
    /// What is available: of your balance, or of the limits of the API key if that is less.
    available: Tokens,
    /// Whether that pays for the message.
    affordable: bool,
}

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

    /// Estimates what a message would cost if it were sent now, by the rule of its hold. Nothing is sent, reserved or
    /// charged. Estimates have a rate limit of their own.
    async fn estimate_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: EstimateMessageInput,
    ) -> Result<Option<MessageEstimate>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        let EstimateMessageInput { message, model, conversation_id, replaces_id } = input;
        let conversation_id = conversation_id.map(|id| ConversationId::parse(&id)).transpose()?;
        let replaces = replaces_id.map(|id| ChatId::parse(&id)).transpose()?;
        let message = SendMessage { message, model, conversation_id, idempotency_key: None };
        let Estimate { expected, hold, available, affordable } = chat::estimate(app, reader, message, replaces).await?;
        Ok(Some(MessageEstimate { expected, hold, available, affordable }))
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
