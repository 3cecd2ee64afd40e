//! Reserving holds.
//!
//! Under load many chats open at the same moment, so [`reserve`] takes a batch of them.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};

use super::hold::ReservedHold;
use super::key_budget;
use crate::core::error::Error;
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate};
use crate::infra::entity::wallet::{self, Column};

/// Adds to the batch what records holds that [`super::SpendableBalances::hold`] has reserved in the same transaction.
/// The caller inserts their chats with it, one for each hold.
///
/// # Errors
/// INVALID_INPUT if a sum is too large.
pub fn reserve(batch: &mut Batch, holds: &[ReservedHold]) -> Result<(), Error> {
    if holds.is_empty() {
        return Ok(());
    }
    let mut sums = BTreeMap::new();
    for ReservedHold { wallet_id, hold, .. } in holds {
        let sum = sums.entry(*wallet_id).or_insert(Tokens::ZERO);
        *sum = sum.plus(hold.amount)?;
    }
    let sums: Vec<_> = sums.into_iter().collect();
    let mut update = BulkUpdate::<wallet::Entity, _>::new(&sums, |(wallet_id, _)| *wallet_id);
    let amount = update.value(|(_, amount)| *amount);
    // Guarded, although the caller has checked: no balance falls below zero because of a bug.
    update
        .set(Column::Tokens, Expr::col(Column::Tokens).sub(amount.clone()))
        .set(Column::Held, Expr::col(Column::Held).add(amount.clone()))
        .filter(Expr::col(Column::Tokens).gte(amount));
    batch.update(update.into_padded_statement(holds.len()), sums.len());
    key_budget::reserve(batch, holds)
}
