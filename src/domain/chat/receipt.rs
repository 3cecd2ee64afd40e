//! Receipts: how the cost of a chat follows from its usage and the version of the price at which it was sent.

use crate::app::App;
use crate::core::error::Error;
use crate::core::price::{Line, Price};
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

impl Receipt {
    /// Returns the sum of the lines in millionths of a prepaid token.
    pub fn millionths(&self) -> i128 {
        Price::millionths(&self.lines)
    }

    /// Returns the cost by these lines, before it is limited by the hold.
    pub fn total(&self) -> Tokens {
        Price::sum(&self.lines)
    }
}

/// Returns the lines of a usage at a price, with this number of messages at the flat price.
pub(super) fn lines(messages: i64, usage: &Usage, price: &Price) -> Vec<Line> {
    let lines = price.lines(u64::try_from(messages).unwrap_or_default(), *usage);
    lines.into_iter().filter(|line| line.quantity > 0 && line.price > Tokens::ZERO).collect()
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
