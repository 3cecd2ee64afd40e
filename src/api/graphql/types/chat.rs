//! The chat type. Type only: sending and stopping is in the mutations and the domain.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Lookahead, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::error::UserError;
use super::super::execution::bounded::Text;
use super::super::execution::loader::{Conversations, Users, Versions};
use super::super::id::RowId;
use super::group::owner;
use super::receipt::Receipt;
use super::{ConnectionOf, Conversation, Group, User, connection};
use crate::core::error::Error;
use crate::core::finish_reason::FinishReason;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::domain::chat;
use crate::infra::entity;
use crate::infra::entity::chat::Status;

pub(crate) struct Chat(Arc<entity::chat::Model>);

impl From<entity::chat::Model> for Chat {
    fn from(row: entity::chat::Model) -> Self {
        Self(Arc::new(row))
    }
}

impl From<Arc<entity::chat::Model>> for Chat {
    fn from(row: Arc<entity::chat::Model>) -> Self {
        Self(row)
    }
}

/// A chat: one metered exchange of a message and its reply. Visible to its sender and to staff.
#[Object]
impl Chat {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The message, without surrounding white space. Empty for calls of the OpenAI-compatible routes, unless the server
    /// is configured to store them (`v1.store_api_messages`).
    async fn message(&self) -> Text<'_> {
        self.0.message.as_str().into()
    }

    /// The reply of the model: complete if the status is DONE, otherwise the text so far.
    async fn response(&self) -> Text<'_> {
        self.0.response.as_str().into()
    }

    /// The reasoning of the model before its reply, as far as its provider shows it; null without any.
    async fn reasoning(&self) -> Option<Text<'_>> {
        self.0.reasoning.as_deref().map(Text::from)
    }

    /// How long the model reasoned before it began to answer, in milliseconds; null while the chat is open, and without
    /// reasoning.
    async fn reasoning_ms(&self) -> Option<i64> {
        self.0.reasoning_ms
    }

    /// The name of the model.
    async fn model(&self) -> Text<'_> {
        self.0.model.as_str().into()
    }

    /// The conversation of the chat; null if it has none, or if it belongs to another user.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Option<Conversation>> {
        let Some(id) = self.0.conversation_id else { return Ok(None) };
        let (_, viewer) = context::app_and_viewer(ctx)?;
        if viewer.require_read()?.id != self.0.user_id {
            return Ok(None);
        }
        let loaded = ctx.data::<DataLoader<Conversations>>()?.load_one(id).await;
        Ok(loaded.map_err(context::shared)?.map(Conversation::from))
    }

    /// The global id of the chat that replaced it in the context, by `regenerate`, `editMessage` or `chooseVersion` of
    /// this message or of an earlier one; null if it is part of the context, its own id if that chat is deleted.
    async fn replaced_by_id(&self) -> Option<ID> {
        self.0.replaced_by_id.map(RowId::global)
    }

    /// The place of this chat among the versions of its message; null if it is the only one.
    async fn versions(&self, ctx: &Context<'_>) -> Result<Option<ChatVersions>> {
        let key = (self.0.version_group(), self.0.user_id);
        let ids = ctx.data::<DataLoader<Versions>>()?.load_one(key).await.map_err(context::shared)?.unwrap_or_default();
        let Some(place) = ids.iter().position(|id| *id == self.0.id).filter(|_| ids.len() > 1) else { return Ok(None) };
        let at = |place: Option<usize>| place.and_then(|place| ids.get(place)).copied().map(RowId::global);
        Ok(Some(ChatVersions {
            number: place + 1,
            count: ids.len(),
            previous_id: at(place.checked_sub(1)),
            next_id: at(Some(place + 1)),
        }))
    }

    /// The number of earlier chats of the conversation that were omitted, since they exceed the context window.
    async fn context_left_out(&self) -> i64 {
        self.0.context_left_out
    }

    /// The global id of the API key that was charged; null if none was used.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(RowId::global)
    }

    /// The status of the chat.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// Why the model ended the reply; null unless the status is DONE, if the provider did not report it, and for chats of
    /// earlier versions.
    async fn finish_reason(&self) -> Option<FinishReason> {
        self.0.finish_reason
    }

    /// The error; null unless the status is FAILED or INTERRUPTED, or STOPPED by a limit of the server.
    async fn error(&self) -> Option<UserError> {
        chat::failure(&self.0)
            .or_else(|| chat::limit(&self.0))
            .and_then(|error| super::super::error::user_errors(&error).pop())
    }

    /// The cost in prepaid tokens; 0 while the chat is open.
    async fn cost(&self) -> Tokens {
        self.0.cost
    }

    /// The hold: the tokens that were reserved when the chat was opened, its maximum cost.
    async fn hold(&self) -> Tokens {
        self.0.hold
    }

    /// The usage of the model; null while the chat is open, or if nothing was produced.
    async fn usage(&self) -> Option<Usage> {
        let usage = self.0.usage()?;
        Some(Usage {
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
            images: usage.images,
            estimated: self.0.usage_estimated,
        })
    }

    /// The group that pays; null if the sender's own balance does, and if the group is deleted.
    async fn payer(&self, ctx: &Context<'_>) -> Result<Option<Group>> {
        owner(ctx, self.0.wallet_id).await
    }

    /// How the cost was calculated; null while the chat is open, if nothing was charged, and for chats of earlier versions.
    async fn receipt(&self, ctx: &Context<'_>) -> Result<Option<Receipt>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        Ok(chat::receipt(app, &self.0).await?.map(|receipt| Receipt::new(receipt, &self.0)))
    }

    /// Time when the message was received.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the first chunk of the reply or its reasoning; null without either, and for chats of earlier
    /// versions.
    async fn first_chunk_at(&self) -> Option<DateTime<Utc>> {
        self.0.first_chunk_at
    }

    /// Time when the chat finished; null while it is open.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The sender.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }
}

/// The place of a chat among the versions of its message, which `regenerate` and `editMessage` make. `chooseVersion`
/// returns one of them to the context.
#[derive(SimpleObject)]
pub(crate) struct ChatVersions {
    /// The number of this version: 1 for the oldest.
    number: usize,
    /// The number of versions.
    count: usize,
    /// The global id of the previous version; null for the oldest.
    previous_id: Option<ID>,
    /// The global id of the next version; null for the newest.
    next_id: Option<ID>,
}

/// Returns whether the selection of a chat has one of its texts.
pub(crate) fn shows_text(chat: Lookahead<'_>) -> bool {
    ["message", "response", "reasoning"].into_iter().any(|text| chat.field(text).exists())
}

/// The usage of a model, in model tokens.
#[derive(SimpleObject)]
pub(crate) struct Usage {
    /// Input, in model tokens.
    input: u64,
    /// Of the input, what the provider read from its prompt cache.
    cache_read: u64,
    /// Of the input, what the provider wrote to its prompt cache.
    cache_write: u64,
    /// Output with reasoning, in model tokens.
    output: u64,
    /// Of the output, the reasoning before the answer.
    reasoning: u64,
    /// Images in the input, whose model tokens are in `input`, too.
    images: u64,
    /// Whether the numbers are an estimate, since the provider reported no usage.
    estimated: bool,
}

pub(crate) async fn chats(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<entity::chat::Entity>, Error>>,
) -> Result<ConnectionOf<Chat>> {
    connection(ctx, slice, |chat| chat.id.into(), Chat::from).await
}
