//! Wallets: balances of prepaid tokens.

use sea_orm::entity::prelude::*;

use crate::core::ids::{GroupId, UserId, WalletId};
use crate::core::tokens::Tokens;

/// The balance of a user or of a group. The row stays when its owner is deleted, with a balance of zero, as the ledger
/// entries do. Only `ledger` writes it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallet")]
pub struct Model {
    /// Primary key; never reused.
    #[sea_orm(primary_key)]
    pub id: WalletId,
    /// The user who owns it, who may have been deleted; `None` for the wallet of a group.
    #[sea_orm(unique)]
    pub user_id: Option<UserId>,
    /// The group that owns it, which may have been deleted; `None` for the wallet of a user.
    #[sea_orm(unique)]
    pub group_id: Option<GroupId>,
    /// The spendable balance in prepaid tokens.
    pub tokens: Tokens,
    /// Prepaid tokens that open chats hold.
    pub held: Tokens,
    /// The number of ledger entries in the wallet's chain.
    pub ledger_seq: i64,
    /// The hash of the last one, in hexadecimal; zeros before the first.
    pub ledger_hash: String,
}

impl ActiveModelBehavior for ActiveModel {}
