//! Ledger entries of imported chats, which were paid for in another system: an entry of amount zero for each, since
//! every finished chat has an entry.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Entry;
use super::balance::Balance;
use super::chain::{Head, new_entry_ids, to_hex};
use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate, Txn};
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::wallet;

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
    let mut accounts = BTreeMap::new();
    let wallets = wallet::Entity::find().filter(wallet::Column::UserId.is_in(users)).order_by_asc(wallet::Column::Id);
    for wallet in wallets.lock_exclusive().all(txn).await? {
        if let Some(user_id) = wallet.user_id {
            accounts.insert(user_id, (Balance::from(&wallet).total(), Head::try_from(&wallet)?));
        }
    }
    let mut entries = Vec::with_capacity(chats.len());
    for (chat, id) in chats.iter().zip(new_entry_ids(txn, chats.len()).await?) {
        let (balance, head) = accounts.get_mut(&chat.user_id).ok_or_else(|| Error::not_found("user"))?;
        let entry = Entry::new(chat.user_id, Tokens::ZERO, Reason::Imported, at);
        entries.push(head.append(id, Entry { chat_id: Some(chat.chat_id), ..entry }, *balance)?);
    }
    let heads: Vec<_> = accounts.into_values().map(|(_, head)| head).collect();
    let mut update = BulkUpdate::<wallet::Entity, _>::new(&heads, |head| head.wallet_id);
    update
        .set_each(wallet::Column::LedgerSeq, |head| head.seq)
        .set_each(wallet::Column::LedgerHash, |head| to_hex(&head.hash));
    let mut batch = Batch::default();
    batch.update(update.into_statement(), heads.len());
    batch.insert(entries);
    batch.execute(txn).await
}
