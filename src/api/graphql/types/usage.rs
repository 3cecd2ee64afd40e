//! Usage statistics. Read only, for staff.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Object, Result, SimpleObject};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::User;
use crate::core::tokens::Tokens;
use crate::domain::chat::usage::{DailyUsage, UserSpending};

/// The usage of one day in UTC. A chat counts on the day when it was opened.
#[derive(SimpleObject)]
pub(crate) struct UsageDay {
    /// The date, such as `2026-03-01`.
    day: Text<'static>,
    /// The name of the model; null for the total of all models.
    model: Option<Text<'static>>,
    /// The number of messages sent.
    messages: i64,
    /// The cost of these messages, in prepaid tokens.
    tokens: Tokens,
    /// The number of distinct users who sent messages.
    active_users: i64,
    /// The number of chats that failed, or whose server crashed.
    failures: i64,
}

impl From<DailyUsage> for UsageDay {
    fn from(used: DailyUsage) -> Self {
        let DailyUsage { day, model, messages, tokens, active_users, failures } = used;
        let model = Some(model).filter(|model| !model.is_empty()).map(Text::from);
        Self { day: day.into(), model, messages, tokens: Tokens(tokens), active_users, failures }
    }
}

pub(crate) struct Spender(pub(crate) UserSpending);

/// The usage of one user.
#[Object]
impl Spender {
    /// The user; null if the account is deleted.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }

    /// The number of messages sent.
    async fn messages(&self) -> i64 {
        self.0.messages
    }

    /// The cost of these messages, in prepaid tokens.
    async fn tokens(&self) -> Tokens {
        Tokens(self.0.tokens)
    }
}
