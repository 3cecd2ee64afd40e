//! Closing a wallet, when its owner is deleted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::balance::Balance;
use super::chain::{Head, to_hex};
use super::wallet::{Owner, lock_wallet};
use super::{Entry, append};
use crate::core::error::Error;
use crate::core::ids::{UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::wallet::{self, Column};

/// Closes the wallet of a user or group that is about to be deleted: writes off the whole balance, held tokens included,
/// and returns it. The open chats of a user are deleted with the account; what groups hold for them is released. A group
/// must not hold anything.
///
/// # Errors
/// NOT_FOUND without such an owner.
pub async fn close_account(
    txn: &Txn,
    owner: impl Into<Owner>,
    actor_id: Option<UserId>,
    at: DateTime<Utc>,
) -> Result<Tokens, Error> {
    let owner = owner.into();
    if let Owner::User(user_id) = owner {
        release_of_groups(txn, user_id).await?;
    }
    let wallet = lock_wallet(txn, owner).await?;
    let rest = Balance::from(&wallet).total();
    let entry = Entry { actor_id, ..Entry::new(owner, Tokens::ZERO.minus(rest)?, Reason::AccountClosed, at) };
    // The end of the chain: without its owner no wallet gets another entry.
    let mut head = Head::try_from(&wallet)?;
    append(txn, &mut head, entry, Tokens::ZERO).await?.insert(txn).await?;
    wallet::Entity::update_many()
        .col_expr(Column::Tokens, Expr::value(Tokens::ZERO))
        .col_expr(Column::Held, Expr::value(Tokens::ZERO))
        .col_expr(Column::LedgerSeq, Expr::value(head.seq))
        .col_expr(Column::LedgerHash, Expr::value(to_hex(&head.hash)))
        .filter(Column::Id.eq(wallet.id))
        .exec(txn)
        .await?;
    Ok(rest)
}

/// Releases what the wallets of groups hold for the open chats of a user.
async fn release_of_groups(txn: &Txn, user_id: UserId) -> Result<(), Error> {
    let open = || chat::Entity::owned_by(user_id).filter(chat::Column::Status.eq(Status::Pending));
    // The own wallet is locked with them, so that no chat is opened meanwhile, and none is settled.
    let paying = open().select_only().column(chat::Column::WalletId).filter(chat::Column::WalletId.is_not_null());
    let paying: Vec<WalletId> = paying.distinct().into_tuple().all(txn).await?;
    let wallets = wallet::Entity::find().filter(Column::Id.is_in(paying).or(Column::UserId.eq(user_id)));
    let locked = wallets.order_by_asc(Column::Id).lock_exclusive().all(txn).await?;
    let own = locked.iter().find(|wallet| wallet.user_id == Some(user_id)).map(|wallet| wallet.id);
    let holds = open().select_only().column(chat::Column::WalletId).column(chat::Column::Hold);
    let mut sums = BTreeMap::<WalletId, Tokens>::new();
    for (wallet_id, hold) in holds.into_tuple::<(Option<WalletId>, Tokens)>().all(txn).await? {
        if let Some(id) = wallet_id.filter(|id| Some(*id) != own) {
            let sum = sums.entry(id).or_default();
            *sum = sum.plus(hold)?;
        }
    }
    for (id, sum) in sums {
        wallet::Entity::update_many()
            .col_expr(Column::Held, Expr::col(Column::Held).sub(sum))
            .col_expr(Column::Tokens, Expr::col(Column::Tokens).add(sum))
            .filter(Column::Id.eq(id))
            .exec(txn)
            .await?;
    }
    Ok(())
}
