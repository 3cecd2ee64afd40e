//! Ledger entries of imported chats, which were paid for in another system: an entry of amount zero for each, since
//! every finished chat has an entry.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::balance::Balance;
use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::{self, Reason};
use crate::infra::entity::user;

/// A chat that was just inserted, finished and at no cost.
#[derive(Clone, Copy, Debug)]
pub struct ImportedEntry {
    /// The user.
    pub user_id: UserId,
    /// The chat.
    pub chat_id: ChatId,
}

/// Records that these chats cost nothing here. No balance changes.
///
/// # Errors
/// NOT_FOUND if a user is deleted; INTERNAL if the database fails.
pub async fn record_imported(txn: &Txn, chats: &[ImportedEntry], at: DateTime<Utc>) -> Result<(), Error> {
    let users: BTreeSet<_> = chats.iter().map(|chat| chat.user_id).collect();
    // Locked, so that the balances in the entries are the current ones.
    let users = user::Entity::find().filter(user::Column::Id.is_in(users)).order_by_asc(user::Column::Id);
    let balances: HashMap<_, _> =
        users.lock_exclusive().all(txn).await?.iter().map(|user| (user.id, Balance::from(user).total())).collect();
    let entry = |chat: &ImportedEntry| {
        let balance = balances.get(&chat.user_id).copied().ok_or_else(|| Error::not_found("user"))?;
        Ok(ledger_entry::ActiveModel {
            id: NotSet,
            user_id: Set(chat.user_id),
            amount: Set(Tokens::ZERO),
            balance_after: Set(balance),
            reason: Set(Reason::Imported),
            note: Set(None),
            chat_id: Set(Some(chat.chat_id)),
            api_key_id: Set(None),
            actor_id: Set(None),
            idempotency_key: Set(None),
            requested_balance: Set(None),
            created_at: Set(at),
        })
    };
    let entries = chats.iter().map(entry).collect::<Result<Vec<_>, Error>>()?;
    ledger_entry::Entity::insert_many(entries).exec_without_returning(txn).await?;
    Ok(())
}
