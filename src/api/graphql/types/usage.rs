//! How much the service is used.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Object, Result, SimpleObject};

use super::super::bounded::Text;
use super::super::context;
use super::super::loader::Users;
use super::User;
use crate::core::tokens::Tokens;
use crate::domain::chat::usage::{Used, UserSpending};

/// What was used on one day in UTC. Chats count on the day when they began.
#[derive(SimpleObject)]
pub(crate) struct UsageDay {
    /// The day, as `2026-03-01`.
    day: Text<'static>,
    /// The model; null for all together.
    model: Option<Text<'static>>,
    /// Messages that were sent.
    messages: i64,
    /// What they cost.
    tokens: Tokens,
    /// How many people sent them.
    active_users: i64,
    /// Messages that the model failed to answer, or whose server died.
    failures: i64,
}

impl From<Used> for UsageDay {
    fn from(used: Used) -> Self {
        let Used { day, model, messages, tokens, active_users, failures } = used;
        let model = Some(model).filter(|model| !model.is_empty()).map(Text::from);
        Self { day: day.into(), model, messages, tokens: Tokens(tokens), active_users, failures }
    }
}

/// What somebody used.
pub(crate) struct Spender(pub(crate) UserSpending);

/// What somebody used.
#[Object]
impl Spender {
    /// Who; null where the account is gone.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }

    /// Messages that were sent.
    async fn messages(&self) -> i64 {
        self.0.messages
    }

    /// What they cost.
    async fn tokens(&self) -> Tokens {
        Tokens(self.0.tokens)
    }
}
