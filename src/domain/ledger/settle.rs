//! Settling holds: costs are charged, and the remainders of the holds released.
//!
//! Under load many chats close at the same moment, so [`settle`] takes a batch of them.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};

use super::balance::Balance;
use super::hold::Settlement;
use super::key_budget;
use super::locked_balance::LockedBalance;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate};
use crate::infra::entity::ledger_entry;
use crate::infra::entity::user::{self, Column};

/// Adds to the batch what settles holds: it charges the costs and releases the remainders. Returns the user's balance
/// after each settlement, in the same order.
///
/// `locked` is the result of [`super::lock_balances`] in the same transaction. The caller closes the chats in the same
/// batch, guarded by their open status, so that each is settled at most once.
///
/// # Errors
/// INTERNAL if a cost exceeds its hold; NOT_FOUND if a user is deleted. The caller then rolls the transaction back.
pub fn settle(
    batch: &mut Batch,
    settlements: &[Settlement],
    locked: Vec<LockedBalance>,
) -> Result<Vec<Balance>, Error> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut balances = LockedBalance::by_user(locked);
    let mut sums: BTreeMap<UserId, (Tokens, Tokens)> = BTreeMap::new();
    let (mut after, mut entries) = (Vec::with_capacity(settlements.len()), Vec::with_capacity(settlements.len()));
    for settlement in settlements {
        let Settlement { user_id, chat_id, hold, cost, .. } = settlement;
        if *cost < Tokens::ZERO || cost > hold {
            return Err(Error::internal(format!("chat {chat_id} would cost {cost} of a hold of {hold}")));
        }
        let (released, costs) = sums.entry(*user_id).or_default();
        (*released, *costs) = (released.plus(*hold)?, costs.plus(*cost)?);
        let balance = balances.get_mut(user_id).ok_or_else(|| Error::not_found("user"))?;
        *balance = balance.reserve(Tokens::ZERO.minus(*hold)?)?;
        balance.tokens = balance.tokens.minus(*cost)?;
        after.push(*balance);
        entries.push(settlement.entry(*balance)?);
    }
    let mut rows = Vec::with_capacity(sums.len());
    for (user_id, (hold, cost)) in sums {
        rows.push((user_id, hold, hold.minus(cost)?));
    }
    let mut update = BulkUpdate::<user::Entity, _>::new(&rows, |(user_id, ..)| *user_id);
    let (hold, remainder) = (update.value(|(_, hold, _)| *hold), update.value(|(.., remainder)| *remainder));
    update
        .set(Column::Held, Expr::col(Column::Held).sub(hold))
        .set(Column::Tokens, Expr::col(Column::Tokens).add(remainder));
    batch.update(update.into_padded_statement(settlements.len()), rows.len());
    key_budget::settle(batch, settlements)?;
    batch.insert(entries);
    Ok(after)
}

impl Settlement {
    /// Returns the ledger entry, which leads to this balance.
    fn entry(&self, after: Balance) -> Result<ledger_entry::ActiveModel, Error> {
        Ok(ledger_entry::ActiveModel {
            id: NotSet,
            user_id: Set(self.user_id),
            amount: Set(Tokens::ZERO.minus(self.cost)?),
            balance_after: Set(after.total()),
            reason: Set(self.reason),
            note: Set(None),
            chat_id: Set(Some(self.chat_id)),
            api_key_id: Set(self.api_key_id),
            actor_id: Set(None),
            idempotency_key: Set(None),
            requested_balance: Set(None),
            created_at: Set(self.at),
        })
    }
}
