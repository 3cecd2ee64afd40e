//! Receipts: how the cost of a chat follows from its usage and the version of the price at which it was sent.

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::core::error::Error;
use crate::core::price::Price;
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::domain::pricing;
use crate::infra::entity::{chat, price};

/// The number of model tokens that a price per million is for.
const MILLION: i64 = 1_000_000;

/// The calculation of a chat's cost.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The version of the price that was paid.
    pub price: price::Model,
    /// The parts that were charged. Their sum, rounded up and at most the hold, is the cost.
    pub lines: Vec<Line>,
}

/// A part of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[graphql(name = "PricePart")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Part {
    /// The price for each answered message.
    Message,
    /// Input that was neither read from the provider's prompt cache nor written to it.
    Input,
    /// Input that the provider read from its prompt cache.
    CacheRead,
    /// Input that the provider wrote to its prompt cache.
    CacheWrite,
    /// Output without reasoning.
    Output,
    /// Reasoning.
    Reasoning,
}

/// A line of a receipt: a quantity at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What was charged.
    pub part: Part,
    /// How many: answered messages, or model tokens.
    pub quantity: u64,
    /// The price in prepaid tokens.
    pub price: Tokens,
    /// The quantity that the price is for: 1 message, or a million model tokens.
    pub per: i64,
}

impl Line {
    /// Returns the amount in millionths of a prepaid token: exact, before the sum is rounded.
    pub fn millionths(&self) -> i128 {
        let amount = i128::from(self.quantity).saturating_mul(self.price.0.into());
        amount.saturating_mul((MILLION / self.per.max(1)).into())
    }
}

impl Receipt {
    /// Returns the sum of the lines in millionths of a prepaid token.
    pub fn millionths(&self) -> i128 {
        millionths(&self.lines)
    }

    /// Returns the cost by these lines, before it is limited by the hold.
    pub fn total(&self) -> Tokens {
        cost(&self.lines)
    }
}

fn millionths(lines: &[Line]) -> i128 {
    lines.iter().map(Line::millionths).fold(0, i128::saturating_add)
}

/// Returns the cost by lines: their sum, rounded up.
pub(super) fn cost(lines: &[Line]) -> Tokens {
    let million = i128::from(MILLION);
    Tokens(i64::try_from(millionths(lines).saturating_add(million - 1) / million).unwrap_or(i64::MAX))
}

/// Returns the lines of a usage at a price, with this number of messages at the flat price.
pub(super) fn lines(messages: i64, usage: &Usage, price: &Price) -> Vec<Line> {
    let lines = [
        (Part::Message, u64::try_from(messages).unwrap_or_default(), price.per_message, 1),
        (Part::Input, usage.fresh_input(), price.input, MILLION),
        (Part::CacheRead, usage.cache_read, price.cache_read, MILLION),
        (Part::CacheWrite, usage.cache_write, price.cache_write, MILLION),
        (Part::Output, usage.answer(), price.output, MILLION),
        (Part::Reasoning, usage.reasoning, price.reasoning, MILLION),
    ];
    let lines = lines.into_iter().filter(|(_, quantity, price, _)| *quantity > 0 && *price > 0);
    lines.map(|(part, quantity, price, per)| Line { part, quantity, price: Tokens(price), per }).collect()
}

/// Returns the receipt of a chat; `None` while it is open, if nothing was charged, and for chats of earlier versions.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn receipt(app: &App, chat: &chat::Model) -> Result<Option<Receipt>, Error> {
    let Some((messages, price_id)) = chat.messages_charged.zip(chat.price_id) else { return Ok(None) };
    let version = pricing::find(app, price_id).await?;
    let lines = lines(messages, &chat.usage().unwrap_or_default(), &version.price());
    Ok(Some(Receipt { price: version, lines }))
}
