//! Chats and the models that answer.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::bounded::Text;
use super::super::context;
use super::super::error::UserError;
use super::super::id::Kind;
use super::super::loader::{Conversations, Users};
use super::{ConnectionOf, Conversation, User, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::domain::chat;
use crate::infra::catalog;
use crate::infra::entity;
use crate::infra::entity::chat::Status;

/// One metered exchange: a message, its reply, its cost. Visible to whoever sent it and to staff.
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

/// One metered exchange: a message, its reply, its cost. Visible to whoever sent it and to staff.
#[Object]
impl Chat {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Chat.id(self.0.id)
    }

    /// What was said, without white space around it. Empty for calls by the OpenAI-compatible routes, unless the server
    /// is configured to store what they say.
    async fn message(&self) -> Text<'_> {
        self.0.message.as_str().into()
    }

    /// What the model answered: the whole reply where the status is DONE, else as much as there is.
    async fn response(&self) -> Text<'_> {
        self.0.response.as_str().into()
    }

    /// The name of the model.
    async fn model(&self) -> Text<'_> {
        self.0.model.as_str().into()
    }

    /// The conversation that it belongs to; null where it stands alone, or is somebody else's.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Option<Conversation>> {
        let Some(id) = self.0.conversation_id else { return Ok(None) };
        let (_, viewer) = context::app_and_viewer(ctx)?;
        if viewer.require_read()?.id != self.0.user_id {
            return Ok(None);
        }
        let loaded = ctx.data::<DataLoader<Conversations>>()?.load_one(id).await;
        Ok(loaded.map_err(context::shared)?.map(Conversation::from))
    }

    /// The global id of the chat that took its place in the context, by `regenerate` or `editMessage`, of it or of one
    /// before it; null where the model still sees it.
    async fn replaced_by_id(&self) -> Option<ID> {
        self.0.replaced_by_id.map(|id| Kind::Chat.id(id))
    }

    /// How many earlier chats of the conversation the model did not see, since its window had no room for them.
    async fn context_left_out(&self) -> i64 {
        self.0.context_left_out
    }

    /// The global id of the API key that it was paid under; null where there was none.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(|id| Kind::ApiKey.id(id))
    }

    /// How far the chat is.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// What went wrong; null unless the status is FAILED or INTERRUPTED, or STOPPED by a limit of the server.
    async fn error(&self) -> Option<UserError> {
        chat::failure(&self.0)
            .or_else(|| chat::limit(&self.0))
            .and_then(|error| super::super::error::user_errors(&error).pop())
    }

    /// What it cost. 0 while it is open.
    async fn cost(&self) -> Tokens {
        self.0.cost
    }

    /// What was set aside when it began: the most it could have cost.
    async fn hold(&self) -> Tokens {
        self.0.hold
    }

    /// What the model consumed; null while it is open, or where nothing was produced.
    async fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.0.input_units?, self.0.output_units?);
        Some(Usage { input, output, estimated: self.0.usage_estimated })
    }

    /// When the message came.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ended; null while it is open.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// Who sent it.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }
}

/// What a model consumed, in its own units.
#[derive(SimpleObject)]
pub(crate) struct Usage {
    /// Units read.
    input: i64,
    /// Units written.
    output: i64,
    /// The provider did not say; the numbers are our estimate.
    estimated: bool,
}

/// A model that answers messages.
pub(crate) struct Model {
    pub(crate) model: catalog::Model,
    pub(crate) default: bool,
}

/// A model that answers messages.
#[Object]
impl Model {
    /// The name to choose it by.
    async fn name(&self) -> Text<'_> {
        self.model.name.as_str().into()
    }

    /// What it costs.
    async fn price(&self) -> Price {
        let price = self.model.price;
        Price {
            per_message: Tokens(price.per_message),
            per_1k_input: Tokens(price.per_1k_input),
            per_1k_output: Tokens(price.per_1k_output),
        }
    }

    /// Whether it answers messages that name no model.
    async fn default(&self) -> bool {
        self.default
    }

    /// What it reads and writes together at most, in its own units; null where there is no bound.
    async fn window(&self) -> Option<u64> {
        Some(self.model.provider.context_window()).filter(|window| *window < u64::MAX)
    }

    /// The longest reply in the model's own units.
    async fn max_output(&self) -> u64 {
        self.model.max_output
    }
}

/// What a model costs. The parts add up, and the sum is rounded up to whole tokens.
#[derive(SimpleObject)]
pub(crate) struct Price {
    /// Tokens for each answered message.
    per_message: Tokens,
    /// Tokens for 1000 units that the model reads.
    #[graphql(name = "per1kInput")]
    per_1k_input: Tokens,
    /// Tokens for 1000 units that the model writes.
    #[graphql(name = "per1kOutput")]
    per_1k_output: Tokens,
}

pub(crate) async fn chats(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<entity::chat::Entity>, Error>>,
) -> Result<ConnectionOf<Chat>> {
    connection(ctx, slice, |chat| chat.id.into(), Chat::from).await
}
