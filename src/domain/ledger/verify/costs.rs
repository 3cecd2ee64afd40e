//! Verification of costs: each chat costs what its usage costs at the version of the price that it names, and at most its
//! hold. All chats are read once, in bounded memory.

use std::collections::HashMap;

use futures::TryStreamExt;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};

use super::violation::IntegrityViolation;
use crate::core::error::Error;
use crate::core::ids::PriceId;
use crate::core::price::Price;
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::infra::entity::chat::{self, Column};
use crate::infra::entity::price;

#[derive(FromQueryResult)]
struct CostRow {
    id: i64,
    hold: i64,
    cost: i64,
    price_id: PriceId,
    messages_charged: Option<i64>,
    input_units: Option<i64>,
    cache_read_units: Option<i64>,
    cache_write_units: Option<i64>,
    output_units: Option<i64>,
    reasoning_units: Option<i64>,
    images: Option<i64>,
}

/// The columns of a [`CostRow`].
const COLUMNS: [Column; 11] = [
    Column::Id,
    Column::Hold,
    Column::Cost,
    Column::PriceId,
    Column::MessagesCharged,
    Column::InputUnits,
    Column::CacheReadUnits,
    Column::CacheWriteUnits,
    Column::OutputUnits,
    Column::ReasoningUnits,
    Column::Images,
];

/// Returns the chats whose cost does not follow from their usage and their price. Those of versions without receipts have
/// no price.
pub(super) async fn costs(txn: &DatabaseTransaction) -> Result<Vec<IntegrityViolation>, Error> {
    let versions = price::Entity::find().all(txn).await?;
    let prices: HashMap<_, _> = versions.iter().map(|version| (version.id, version.price())).collect();
    let charged = chat::Entity::find().select_only().columns(COLUMNS).filter(Column::PriceId.is_not_null());
    let mut rows = charged.into_model::<CostRow>().stream(txn).await?;
    let mut findings = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let expected = prices.get(&row.price_id).map(|price| row.cost_at(*price).0);
        if expected != Some(row.cost) {
            findings.push(IntegrityViolation::Cost { chat_id: row.id, cost: row.cost, expected });
        }
    }
    Ok(findings)
}

impl CostRow {
    /// Returns the cost at a price; nothing for a chat that is open, or was not charged.
    fn cost_at(&self, price: Price) -> Tokens {
        let count = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok()).unwrap_or_default();
        let usage = Usage {
            input: count(self.input_units),
            cache_read: count(self.cache_read_units),
            cache_write: count(self.cache_write_units),
            output: count(self.output_units),
            reasoning: count(self.reasoning_units),
            images: count(self.images),
        };
        let lines = self.messages_charged.map(|messages| price.lines(count(Some(messages)), usage));
        Ord::min(lines.map_or(Tokens::ZERO, |lines| Price::sum(&lines)), Tokens(self.hold))
    }
}
