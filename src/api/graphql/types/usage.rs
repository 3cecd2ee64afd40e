//! Usage statistics. Read only, for staff.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Object, Result, SimpleObject};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::User;
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
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
    /// Their model tokens by class; null for a day that is not over, and for one that an earlier version has counted.
    usage: Option<DayUsage>,
}

/// The model tokens of a day.
#[derive(SimpleObject)]
pub(crate) struct DayUsage {
    /// Input, in model tokens.
    input: u64,
    /// Of the input, what providers read from their prompt caches.
    cache_read: u64,
    /// Of the input, what providers wrote to their prompt caches.
    cache_write: u64,
    /// Output with reasoning, in model tokens.
    output: u64,
    /// Of the output, the reasoning before the answers.
    reasoning: u64,
    /// Images in the input. Not counted for days before they were.
    images: u64,
}

impl From<DailyUsage> for UsageDay {
    fn from(used: DailyUsage) -> Self {
        let usage = used.usage().map(|Usage { input, cache_read, cache_write, output, reasoning, images }| DayUsage {
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            images,
        });
        let DailyUsage { day, model, messages, tokens, active_users, failures, .. } = used;
        let model = Some(model).filter(|model| !model.is_empty()).map(Text::from);
        Self { day: day.into(), model, messages, tokens: Tokens(tokens), active_users, failures, usage }
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
