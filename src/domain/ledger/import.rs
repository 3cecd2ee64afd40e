//! Ledger entries of imported chats, which were paid for in another system: an entry of amount zero for each, since
//! every finished chat has an entry.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::balance::Balance;
use super::chain::{Head, new_entry_ids, to_hex};
use super::{Entry, find_all_for_update};
use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::infra::db::{Batch, BulkUpdate, Txn};
use crate::infra::entity::ledger_entry::Reason;
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
    let mut accounts = BTreeMap::new();
    for user in find_all_for_update(txn, users).await? {
        accounts.insert(user.id, (Balance::from(&user).total(), Head::try_from(&user)?));
    }
    let mut entries = Vec::with_capacity(chats.len());
    for (chat, id) in chats.iter().zip(new_entry_ids(txn, chats.len()).await?) {
        let (balance, head) = accounts.get_mut(&chat.user_id).ok_or_else(|| Error::not_found("user"))?;
        let entry = Entry::new(chat.user_id, Tokens::ZERO, Reason::Imported, at);
        entries.push(head.append(id, Entry { chat_id: Some(chat.chat_id), ..entry }, *balance)?);
    }
    let heads: Vec<_> = accounts.into_iter().map(|(user_id, (_, head))| (user_id, head)).collect();
    let mut update = BulkUpdate::<user::Entity, _>::new(&heads, |(user_id, _)| *user_id);
    update
        .set_each(user::Column::LedgerSeq, |(_, head)| head.seq)
        .set_each(user::Column::LedgerHash, |(_, head)| to_hex(&head.hash));
    let mut batch = Batch::default();
    batch.update(update.into_statement(), heads.len());
    batch.insert(entries);
    batch.execute(txn).await
}
