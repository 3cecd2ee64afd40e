//! Receipts: how the cost of a chat follows from its usage and the version of the price at which it was sent.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::core::error::Error;
use crate::core::price::{Part, Price};
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::domain::pricing;
use crate::infra::entity::{chat, price};

/// The calculation of a chat's cost.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The version of the price that was paid.
    pub price: price::Model,
    /// The parts that were charged. Their sum, rounded up and at most the hold, is the cost.
    pub lines: Vec<Line>,
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
        amount.saturating_mul((Price::MILLION / self.per.max(1)).into())
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
    Price::rounded_up(millionths(lines))
}

/// Returns the lines of a usage at a price, with this number of messages at the flat price.
pub(super) fn lines(messages: i64, usage: &Usage, price: &Price) -> Vec<Line> {
    let flat = (Part::Message, u64::try_from(messages).unwrap_or_default(), price.per_message, 1);
    let metered = price.metered(*usage).map(|(part, units, price)| (part, units, price, Price::MILLION));
    let lines = std::iter::once(flat).chain(metered);
    let lines = lines.filter(|(_, quantity, price, _)| *quantity > 0 && *price > 0);
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
