//! Receipts: how the cost of a chat was calculated.

use async_graphql::{Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::execution::bounded::Text;
use super::model::Price;
use crate::core::price::Part;
use crate::core::tokens::Tokens;
use crate::domain::chat;
use crate::infra::entity;

/// How the cost of a chat was calculated.
#[derive(SimpleObject)]
pub(crate) struct Receipt {
    /// The version of the price that was paid.
    price: PriceVersion,
    /// The parts that were charged; none if the chat was free.
    lines: Vec<ReceiptLine>,
    /// The exact sum of the lines in prepaid tokens, as a decimal number. Rounded up once, and at most the hold, it is the
    /// cost.
    total: Text<'static>,
    /// The hold: the maximum cost.
    hold: Tokens,
    /// The cost in prepaid tokens.
    cost: Tokens,
}

/// A line of a receipt: a quantity at a price.
#[derive(SimpleObject)]
pub(crate) struct ReceiptLine {
    /// What was charged.
    part: Part,
    /// How many: answered messages, images, or model tokens.
    quantity: u64,
    /// The price in prepaid tokens.
    price: Tokens,
    /// The quantity that the price is for: 1 message or image, or 1,000,000 model tokens.
    per: i64,
    /// The exact amount in prepaid tokens, as a decimal number.
    amount: Text<'static>,
}

pub(crate) struct PriceVersion(entity::price::Model);

/// A version of a model's price. Versions never change: another price is a new version.
#[Object]
impl PriceVersion {
    /// The name of the model.
    async fn model(&self) -> Text<'_> {
        self.0.model.as_str().into()
    }

    /// The number of the version, from 1.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// When the server first had this price.
    async fn since(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The price.
    async fn price(&self) -> Price {
        self.0.price().into()
    }
}

impl From<entity::price::Model> for PriceVersion {
    fn from(row: entity::price::Model) -> Self {
        Self(row)
    }
}

impl Receipt {
    pub(crate) fn new(receipt: chat::Receipt, chat: &entity::chat::Model) -> Self {
        let total = decimal(receipt.millionths());
        let lines = receipt.lines.into_iter().map(|line| ReceiptLine {
            part: line.part,
            quantity: line.quantity,
            price: line.price,
            per: line.per,
            amount: decimal(line.millionths()).into(),
        });
        Self {
            lines: lines.collect(),
            total: total.into(),
            price: PriceVersion(receipt.price),
            hold: chat.hold,
            cost: chat.cost,
        }
    }
}

/// Returns millionths as a decimal number, without zeros at its end.
fn decimal(millionths: i128) -> String {
    let (whole, rest) = (millionths / 1_000_000, millionths % 1_000_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:06}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (millionths, shown) in [(0, "0"), (1, "0.000001"), (485_500_000, "485.5"), (2_000_000, "2")] {
            assert_eq!(decimal(millionths), shown);
        }
    }
}
