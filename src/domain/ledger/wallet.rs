//! Wallets: one for each user, and one for each group that has a balance of its own.

use std::collections::HashMap;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::balance::Balance;
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::core::viewer::Staff;
use crate::infra::db::{Db, Txn};
use crate::infra::entity::wallet::{self, Column};

/// The owner of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user.
    User(UserId),
    /// A group.
    Group(GroupId),
}

impl From<UserId> for Owner {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<GroupId> for Owner {
    fn from(id: GroupId) -> Self {
        Self::Group(id)
    }
}

impl Owner {
    fn owns(self) -> Expr {
        match self {
            Self::User(id) => Column::UserId.eq(id),
            Self::Group(id) => Column::GroupId.eq(id),
        }
    }

    /// Returns the error without a wallet: its owner does not exist.
    #[track_caller]
    fn not_found(self) -> Error {
        Error::not_found(match self {
            Self::User(_) => "user",
            Self::Group(_) => "group",
        })
    }
}

/// Creates an empty wallet for a new user or group.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn create_wallet(txn: &Txn, owner: Owner) -> Result<(), Error> {
    let (user_id, group_id) = match owner {
        Owner::User(id) => (Some(id), None),
        Owner::Group(id) => (None, Some(id)),
    };
    let row = wallet::ActiveModel {
        id: NotSet,
        user_id: Set(user_id),
        group_id: Set(group_id),
        tokens: Set(Tokens::ZERO),
        held: Set(Tokens::ZERO),
        ledger_seq: NotSet,
        ledger_hash: NotSet,
    };
    row.insert(txn).await?;
    Ok(())
}

/// Returns the balance of a user or a group.
///
/// # Errors
/// NOT_FOUND without such an owner.
pub async fn balance(db: &Db, owner: impl Into<Owner>) -> Result<Balance, Error> {
    let owner = owner.into();
    let wallet = wallet::Entity::find().filter(owner.owns()).one(db.read()).await?;
    wallet.as_ref().map(Balance::from).ok_or_else(|| owner.not_found())
}

/// Returns the balances of these users; those without a wallet are omitted. The caller has checked that the viewer may
/// see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn balances(db: &impl ConnectionTrait, user_ids: &[UserId]) -> Result<HashMap<UserId, Balance>, Error> {
    let wallets = wallet::Entity::find().filter(Column::UserId.is_in(user_ids.iter().copied())).all(db).await?;
    Ok(wallets.iter().filter_map(|wallet| Some((wallet.user_id?, Balance::from(wallet)))).collect())
}

/// Returns the balances of these groups. The caller has checked that the viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn balances_of_groups(db: &Db, ids: &[GroupId]) -> Result<HashMap<GroupId, Balance>, Error> {
    let wallets = wallet::Entity::find().filter(Column::GroupId.is_in(ids.iter().copied())).all(db.read()).await?;
    Ok(wallets.iter().filter_map(|wallet| Some((wallet.group_id?, Balance::from(wallet)))).collect())
}

/// Returns the spendable balances of all users, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn all_balances(db: &Db, _: Staff) -> Result<HashMap<UserId, Tokens>, Error> {
    let wallets = wallet::Entity::find().filter(Column::UserId.is_not_null()).select_only();
    let wallets: Vec<(UserId, Tokens)> =
        wallets.column(Column::UserId).column(Column::Tokens).into_tuple().all(db.read()).await?;
    Ok(wallets.into_iter().collect())
}

/// Returns the balance of an owner, whose wallet is locked until the transaction ends.
///
/// # Errors
/// NOT_FOUND without such an owner.
pub async fn balance_for_update(txn: &Txn, owner: impl Into<Owner>) -> Result<Balance, Error> {
    Ok(Balance::from(&lock_wallet(txn, owner.into()).await?))
}

/// Returns the wallets with these ids, which say whose an entry is. The caller has checked that the viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn wallets(db: &Db, ids: &[WalletId]) -> Result<HashMap<WalletId, wallet::Model>, Error> {
    let wallets = wallet::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db.read()).await?;
    Ok(wallets.into_iter().map(|wallet| (wallet.id, wallet)).collect())
}

/// Returns the wallet of an owner, locked until the transaction ends.
pub(super) async fn lock_wallet(txn: &Txn, owner: Owner) -> Result<wallet::Model, Error> {
    let wallet = wallet::Entity::find().filter(owner.owns()).lock_exclusive().one(txn).await?;
    wallet.ok_or_else(|| owner.not_found())
}
