//! Settling holds: costs are charged, and the remainders of the holds released.
//!
//! Under load many chats close at the same moment, so [`settle`] takes a batch of them.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};

use super::Entry;
use super::balance::Balance;
use super::chain::{Head, to_hex};
use super::hold::Settlement;
use super::key_budget;
use super::locked_balance::LockedAccount;
use crate::core::error::Error;
use crate::core::ids::{LedgerEntryId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate};
use crate::infra::entity::wallet::{self, Column};

/// Adds to the batch what settles holds: it charges the costs and releases the remainders. Returns the user's
/// balance after each settlement, in the same order; `None` if the wallet of a group has paid.
///
/// `locked` is the result of [`super::lock_accounts`] in the same transaction, and `ids` are new ids for the entries,
/// one for each, by [`super::new_entry_id`] after it. The caller closes the chats in the same batch, guarded by their
/// open status, so that each is settled at most once.
///
/// # Errors
/// INTERNAL if a cost exceeds its hold, or an id is missing; NOT_FOUND if a wallet is missing. The caller then rolls the
/// transaction back.
pub fn settle(
    batch: &mut Batch,
    settlements: &[Settlement],
    locked: Vec<LockedAccount>,
    mut ids: Vec<LedgerEntryId>,
) -> Result<Vec<Option<Balance>>, Error> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    if ids.len() != settlements.len() {
        return Err(Error::internal(format!("{} ids for {} ledger entries", ids.len(), settlements.len())));
    }
    // The ids of a chain ascend, in whichever order the chats were found.
    ids.sort_unstable();
    let mut accounts = BTreeMap::new();
    for account in &locked {
        let (balance, head) = (account.balance(), account.head()?);
        accounts.insert(account.id, Account { owner_id: account.user_id, balance, head, sums: None });
    }
    let (mut after, mut entries) = (Vec::with_capacity(settlements.len()), Vec::with_capacity(settlements.len()));
    for (settlement, id) in settlements.iter().zip(ids) {
        let Settlement { wallet_id, chat_id, hold, cost, .. } = settlement;
        if *cost < Tokens::ZERO || cost > hold {
            return Err(Error::internal(format!("chat {chat_id} would cost {cost} of a hold of {hold}")));
        }
        let account = accounts.get_mut(wallet_id).ok_or_else(|| Error::not_found("user"))?;
        let (released, costs) = account.sums.unwrap_or_default();
        account.sums = Some((released.plus(*hold)?, costs.plus(*cost)?));
        let balance = &mut account.balance;
        *balance = balance.reserve(Tokens::ZERO.minus(*hold)?)?;
        balance.tokens = balance.tokens.minus(*cost)?;
        after.push(Some(*balance).filter(|_| account.owner_id == Some(settlement.user_id)));
        let entry = settlement.entry(account.owner_id)?;
        entries.push(account.head.append(id, entry, balance.total())?);
    }
    let mut rows = Vec::with_capacity(accounts.len());
    for (wallet_id, Account { head, sums, .. }) in accounts {
        if let Some((hold, cost)) = sums {
            rows.push((wallet_id, hold, hold.minus(cost)?, head));
        }
    }
    let mut update = BulkUpdate::<wallet::Entity, _>::new(&rows, |(wallet_id, ..)| *wallet_id);
    let (hold, remainder) = (update.value(|(_, hold, ..)| *hold), update.value(|(_, _, remainder, _)| *remainder));
    update
        .set(Column::Held, Expr::col(Column::Held).sub(hold))
        .set(Column::Tokens, Expr::col(Column::Tokens).add(remainder))
        .set_each(Column::LedgerSeq, |(.., head)| head.seq)
        .set_each(Column::LedgerHash, |(.., head)| to_hex(&head.hash));
    batch.update(update.into_padded_statement(settlements.len()), rows.len());
    key_budget::settle(batch, settlements)?;
    batch.insert(entries);
    Ok(after)
}

/// A wallet while the settlements of a batch are added one after the other.
struct Account {
    /// The user who owns the wallet.
    owner_id: Option<UserId>,
    balance: Balance,
    head: Head,
    /// The sums of the holds and of the costs, if there are any settlements.
    sums: Option<(Tokens, Tokens)>,
}

impl Settlement {
    /// Returns the ledger entry, in the wallet of this user or of a group.
    fn entry(&self, owner_id: Option<UserId>) -> Result<Entry, Error> {
        let &Self { user_id, chat_id, cost, api_key_id, reason, at, .. } = self;
        let member_id = Some(user_id).filter(|_| owner_id != Some(user_id));
        let entry = Entry::new(user_id, Tokens::ZERO.minus(cost)?, reason, at);
        Ok(Entry { chat_id: Some(chat_id), api_key_id, member_id, ..entry })
    }
}
