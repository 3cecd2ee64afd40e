//! The balances of wallets whose rows are locked, so that nothing else changes them until the transaction ends.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Deserialize;

use super::balance::Balance;
use super::chain::Head;
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::db::{RowQuery, Txn, in_ids};
use crate::infra::entity::user;
use crate::infra::entity::wallet::{self, Column};

/// The balance of a wallet, whose row is locked.
#[derive(Deserialize, FromQueryResult)]
pub(super) struct LockedBalance {
    pub(super) id: WalletId,
    pub(super) user_id: Option<UserId>,
    pub(super) group_id: Option<GroupId>,
    tokens: Tokens,
    held: Tokens,
}

impl LockedBalance {
    pub(super) fn balance(&self) -> Balance {
        Balance { tokens: self.tokens, held: self.held }
    }
}

/// The balance of a wallet, whose row is locked, with the head of its chain of ledger entries.
#[derive(Deserialize, FromQueryResult)]
pub struct LockedAccount {
    pub(super) id: WalletId,
    pub(super) user_id: Option<UserId>,
    tokens: Tokens,
    held: Tokens,
    ledger_seq: i64,
    ledger_hash: String,
}

impl LockedAccount {
    pub(super) fn balance(&self) -> Balance {
        Balance { tokens: self.tokens, held: self.held }
    }

    pub(super) fn head(&self) -> Result<Head, Error> {
        Head::of_row(self.id, self.ledger_seq, &self.ledger_hash)
    }
}

/// Returns a query of wallets, for [`super::settle()`]. Their rows are locked until the transaction ends, always in the
/// order of their ids, so that overlapping transactions cannot deadlock. SQLite has one writer, and needs no locks.
pub fn lock_accounts(txn: &Txn, wallet_ids: impl Iterator<Item = WalletId>) -> RowQuery<LockedAccount> {
    let wallet_ids: Vec<_> = wallet_ids.collect();
    let columns = [Column::Id, Column::UserId, Column::Tokens, Column::Held, Column::LedgerSeq, Column::LedgerHash];
    RowQuery::new(lock(wallet::Entity::find().filter(in_ids(txn, Column::Id, &wallet_ids))), columns)
}

/// Returns a query of the wallets of these users, as far as they are active, and of these groups. The rows are locked as
/// by [`lock_accounts`].
pub(super) fn lock_spendable(txn: &Txn, user_ids: &[UserId], group_ids: &[GroupId]) -> RowQuery<LockedBalance> {
    let owner = Expr::col((user::Entity, user::Column::Id)).equals((wallet::Entity, Column::UserId));
    let active = Query::select()
        .expr(Expr::val(1))
        .from(user::Entity)
        .and_where(owner)
        .and_where(Expr::col((user::Entity, user::Column::IsActive)))
        .take();
    let of_users = Condition::all().add(in_ids(txn, Column::UserId, user_ids)).add(Expr::exists(active));
    let mut owners = Condition::any().add(of_users);
    if !group_ids.is_empty() {
        owners = owners.add(in_ids(txn, Column::GroupId, group_ids));
    }
    let columns = [Column::Id, Column::UserId, Column::GroupId, Column::Tokens, Column::Held];
    RowQuery::new(lock(wallet::Entity::find().filter(owners)), columns)
}

fn lock(wallets: Select<wallet::Entity>) -> Select<wallet::Entity> {
    wallets.order_by_asc(Column::Id).lock_exclusive()
}
