//! The balances of wallets whose rows are locked, so that nothing else changes them until the transaction ends.

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Deserialize;

use super::balance::Balance;
use super::chain::Head;
use super::hold::Spender;
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::db::{RowQuery, Txn, in_ids};
use crate::infra::entity::wallet::{self, Column};
use crate::infra::entity::{api_key, group, group_member, user};

/// The balance of a wallet, whose row is locked.
#[derive(Deserialize, FromQueryResult)]
pub(super) struct LockedBalance {
    pub(super) id: WalletId,
    pub(super) user_id: Option<UserId>,
    pub(super) group_id: Option<GroupId>,
    tokens: Tokens,
    held: Tokens,
    /// The group that pays for the user by default.
    pub(super) payer_group_id: Option<GroupId>,
    /// Whether the wallet is that of the default group, as a number.
    pub(super) is_default: Option<i64>,
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

/// Returns a query of the own wallets of users, as far as they are active, and of the groups that may pay for them. The
/// rows are locked as by [`lock_accounts`].
pub(super) fn lock_spendable(txn: &Txn, spenders: &[Spender]) -> RowQuery<LockedBalance> {
    let user_ids: Vec<_> = spenders.iter().map(|spender| spender.user_id).collect();
    let key_ids: Vec<_> = spenders.iter().filter_map(|spender| spender.api_key_id).collect();
    let group_ids: Vec<_> = spenders.iter().filter_map(|spender| spender.payer).collect();
    let owner = Expr::col((user::Entity, user::Column::Id)).equals((wallet::Entity, Column::UserId));
    let active = Query::select()
        .expr(Expr::val(1))
        .from(user::Entity)
        .and_where(owner.clone())
        .and_where(Expr::col((user::Entity, user::Column::IsActive)))
        .take();
    let by_default = Query::select()
        .column(user::Column::PayerGroupId)
        .from(user::Entity)
        .and_where(in_ids(txn, user::Column::Id, &user_ids))
        .and_where(user::Column::PayerGroupId.is_not_null())
        .take();
    let mut owners = Condition::any()
        .add(Condition::all().add(in_ids(txn, Column::UserId, &user_ids)).add(Expr::exists(active)))
        .add(Column::GroupId.in_subquery(by_default));
    if !key_ids.is_empty() {
        let by_key = Query::select()
            .column(api_key::Column::PayerGroupId)
            .from(api_key::Entity)
            .and_where(in_ids(txn, api_key::Column::Id, &key_ids))
            .and_where(api_key::Column::PayerGroupId.is_not_null())
            .take();
        owners = owners.add(Column::GroupId.in_subquery(by_key));
    }
    if !group_ids.is_empty() {
        owners = owners.add(in_ids(txn, Column::GroupId, &group_ids));
    }
    let payer = Query::select().column(user::Column::PayerGroupId).from(user::Entity).and_where(owner).take();
    let its_group = Expr::col((group::Entity, group::Column::Id)).equals((wallet::Entity, Column::GroupId));
    let is_default = Expr::case(Expr::col((group::Entity, group::Column::IsDefault)), 1i64).finally(0i64);
    let is_default = Query::select().expr(is_default).from(group::Entity).and_where(its_group).take();
    let columns = [Column::Id, Column::UserId, Column::GroupId, Column::Tokens, Column::Held];
    let value = |query: SelectStatement| Expr::SubQuery(None, Box::new(query.into()));
    let computed = [(value(payer), "payer_group_id"), (value(is_default), "is_default")];
    RowQuery::with(lock(wallet::Entity::find().filter(owners)), columns, computed)
}

/// A membership of a spender in a group.
#[derive(Deserialize, FromQueryResult)]
pub(super) struct Membership {
    pub(super) group_id: GroupId,
    pub(super) user_id: UserId,
}

/// Returns a query of the memberships of users.
pub(super) fn memberships(txn: &Txn, user_ids: &[UserId]) -> RowQuery<Membership> {
    use group_member::Column::{GroupId, UserId};
    RowQuery::new(group_member::Entity::find().filter(in_ids(txn, UserId, user_ids)), [GroupId, UserId])
}

fn lock(wallets: Select<wallet::Entity>) -> Select<wallet::Entity> {
    wallets.order_by_asc(Column::Id).lock_exclusive()
}
