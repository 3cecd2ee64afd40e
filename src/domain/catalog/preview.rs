//! What chats would have cost at another price.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};

use super::model_input::validate_price;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::core::price::Price;
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::core::viewer::Staff;
use crate::infra::entity::chat::{self, Column};

/// Chats of all models that are searched for those of one: the newest.
const MAX_SEARCHED: u64 = 10_000;
/// The age of the oldest chats that count.
const RECENT: TimeDelta = TimeDelta::days(30);

/// What chats have cost, and would have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PricePreview {
    /// The number of chats that were charged.
    pub chats: u64,
    /// When the first of them was opened; `None` without one.
    pub since: Option<DateTime<Utc>>,
    /// Their usage in total.
    pub usage: Usage,
    /// What they have cost, in prepaid tokens.
    pub charged: Tokens,
    /// What they would have cost, in prepaid tokens: each rounded up, as when it is charged.
    pub proposed: Tokens,
}

#[derive(FromQueryResult)]
struct Charged {
    created_at: DateTime<Utc>,
    cost: Tokens,
    messages_charged: Option<i64>,
    input_units: Option<i64>,
    cache_read_units: Option<i64>,
    cache_write_units: Option<i64>,
    output_units: Option<i64>,
    reasoning_units: Option<i64>,
    images: Option<i64>,
}

/// Calculates what chats would have cost at a price: one chat, or those with a model in the last 30 days, among the newest
/// 10,000 of all models. Each is calculated from its own usage, and without its hold, which was that of another price.
///
/// # Errors
/// INVALID_INPUT for a part out of range; NOT_FOUND without such a model, or without such a chat.
pub async fn preview_price(
    app: &App,
    _: Staff,
    model: &str,
    price: Price,
    chat_id: Option<ChatId>,
) -> Result<PricePreview, Error> {
    validate_price(price)?;
    app.models().entry(model).ok_or_else(|| Error::not_found("model"))?;
    let chats = match chat_id {
        Some(id) => {
            let chat = charged(chat::Entity::find_by_id(id)).one(app.db.read()).await?;
            vec![chat.ok_or_else(|| Error::not_found("chat"))?]
        }
        None => {
            let before_newest = chat::Entity::find().order_by_desc(Column::Id).offset(MAX_SEARCHED).limit(1);
            let oldest = before_newest.select_only().column(Column::Id).into_tuple::<ChatId>();
            let oldest = oldest.one(app.db.read()).await?.unwrap_or(ChatId(0));
            let recent = chat::Entity::find()
                .filter(Column::Id.gt(oldest))
                .filter(Column::Model.eq(model))
                .filter(Column::CreatedAt.gte(app.clock.now() - RECENT));
            charged(recent).all(app.db.read()).await?
        }
    };
    Ok(chats.iter().fold(PricePreview::default(), |sum, chat| sum.plus(chat, price)))
}

fn charged(chats: Select<chat::Entity>) -> sea_orm::Selector<sea_orm::SelectModel<Charged>> {
    let columns = [
        Column::CreatedAt,
        Column::Cost,
        Column::MessagesCharged,
        Column::InputUnits,
        Column::CacheReadUnits,
        Column::CacheWriteUnits,
        Column::OutputUnits,
        Column::ReasoningUnits,
        Column::Images,
    ];
    chats.select_only().columns(columns).into_model()
}

impl PricePreview {
    fn plus(self, chat: &Charged, price: Price) -> Self {
        // Nothing was charged: the chat failed, or is still open.
        let Some(messages) = chat.messages_charged else { return self };
        let usage = chat.usage();
        let cost = Price::sum(&price.lines(u64::try_from(messages).unwrap_or_default(), usage));
        let add = |one: Tokens, other: Tokens| Tokens(one.0.saturating_add(other.0).min(Tokens::MAX_BALANCE.0));
        let since = self.since.map_or(chat.created_at, |since| since.min(chat.created_at));
        Self {
            chats: self.chats + 1,
            since: Some(since),
            usage: Usage {
                input: self.usage.input.saturating_add(usage.input),
                cache_read: self.usage.cache_read.saturating_add(usage.cache_read),
                cache_write: self.usage.cache_write.saturating_add(usage.cache_write),
                output: self.usage.output.saturating_add(usage.output),
                reasoning: self.usage.reasoning.saturating_add(usage.reasoning),
                images: self.usage.images.saturating_add(usage.images),
            },
            charged: add(self.charged, chat.cost),
            proposed: add(self.proposed, cost),
        }
    }
}

impl Charged {
    fn usage(&self) -> Usage {
        let count = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok()).unwrap_or_default();
        Usage {
            input: count(self.input_units),
            cache_read: count(self.cache_read_units),
            cache_write: count(self.cache_write_units),
            output: count(self.output_units),
            reasoning: count(self.reasoning_units),
            images: count(self.images),
        }
    }
}
