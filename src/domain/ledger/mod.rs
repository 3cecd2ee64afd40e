//! The only module that moves prepaid tokens. It knows balances, holds and ledger entries; what they pay for is decided
//! by its callers.
//!
//! Invariants, for every wallet: `tokens >= 0`, `held >= 0`, `held` is the sum of the holds of open chats, and `tokens +
//! held` is the sum of the ledger entries. Each function here preserves them within the caller's transaction, and
//! [`verify()`] checks them. A balance changes by a guarded UPDATE that adds or subtracts, never by writing back a
//! value that was read.

mod balance;
mod chain;
mod close;
mod entries;
mod export;
mod granted;
mod hold;
mod import;
mod key_budget;
mod locked_balance;
mod payer;
pub mod proof;
mod reserve;
pub mod retention;
mod settle;
mod spendable;
mod totals;
mod verify;
mod wallet;

use std::time::Duration;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures::Stream;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

pub use self::balance::Balance;
pub use self::chain::{Erasable, new_entry_id};
use self::chain::{Head, new_entry_ids, to_hex};
pub use self::close::close_account;
pub use self::entries::{EntryFilter, find, history};
pub use self::export::export;
pub use self::granted::granted_by;
pub use self::hold::{Hold, ReservedHold, Settlement, Spender, insufficient};
pub use self::import::{ImportedEntry, record_imported};
pub use self::locked_balance::{LockedAccount, lock_accounts};
pub use self::payer::check_payer;
pub use self::reserve::reserve;
pub use self::settle::settle;
pub use self::spendable::SpendableBalances;
pub use self::totals::{Granted, KeySpending, Outstanding, Spending, granted, outstanding, spending, spent_by_keys};
pub use self::verify::{ChainDamage, IntegrityViolation, WalletName, verify};
use self::wallet::lock_wallet;
pub use self::wallet::{
    Owner, all_balances, balance, balance_for_update, balances, balances_of_groups, create_wallet, wallets,
};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ApiKeyId, ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::core::viewer::Reader;
use crate::infra::cluster::Bus;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::{self, Reason};
use crate::infra::entity::wallet::Column;
use crate::infra::entity::{user, wallet as wallet_row};

/// A ledger entry to post that settles no hold.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The owner of the wallet whose balance changes.
    pub owner: Owner,
    /// The member who spent from the wallet of a group.
    pub member_id: Option<UserId>,
    /// The signed change of the balance.
    pub amount: Tokens,
    /// The reason.
    pub reason: Reason,
    /// The chat of a settlement.
    pub chat_id: Option<ChatId>,
    /// The API key that paid for the chat of a settlement.
    pub api_key_id: Option<ApiKeyId>,
    /// The actor, if it is not the user.
    pub actor_id: Option<UserId>,
    /// The spendable balance that was requested instead of an amount.
    pub requested_balance: Option<Tokens>,
    /// The operator's note and the idempotency key.
    pub erasable: Option<Erasable>,
    /// The time of the change.
    pub at: DateTime<Utc>,
}

/// The result of posting an entry.
#[derive(Clone, Copy, Debug)]
pub struct Applied {
    /// The balance after it.
    pub balance: Balance,
    /// Whether the entry was recorded now; `false` for a duplicate of an idempotency key.
    pub is_new: bool,
}

impl Entry {
    fn note(&self) -> Option<&String> {
        self.erasable.as_ref().and_then(|part| part.note.as_ref())
    }

    fn idempotency_key(&self) -> Option<&String> {
        self.erasable.as_ref().and_then(|part| part.idempotency_key.as_ref())
    }

    /// Returns an entry with the mandatory fields only.
    pub fn new(owner: impl Into<Owner>, amount: Tokens, reason: Reason, at: DateTime<Utc>) -> Self {
        Self {
            owner: owner.into(),
            member_id: None,
            amount,
            reason,
            chat_id: None,
            api_key_id: None,
            actor_id: None,
            requested_balance: None,
            erasable: None,
            at,
        }
    }
}

/// Posts a ledger entry: adds tokens to a spendable balance, or subtracts them, and records the reason.
///
/// A duplicate of an idempotency key of the same actor moves nothing and returns the current balance.
///
/// # Errors
/// NOT_FOUND without such an owner; INVALID_INPUT if the balance would become negative or larger than
/// [`Tokens::MAX_BALANCE`]; CONFLICT if the idempotency key was used for a different entry.
pub async fn post_entry(txn: &Txn, entry: Entry) -> Result<Applied, Error> {
    // Serialises the entries of one wallet on PostgreSQL, so that a duplicate key is found; SQLite has one writer.
    let before = lock_wallet(txn, entry.owner).await?;
    if let Some(earlier) = find_duplicate(txn, &entry).await? {
        if earlier.wallet_id != before.id || !is_same(&earlier, &entry) {
            return Err(Error::new(Code::Conflict, "This idempotency key was used for another adjustment."));
        }
        return Ok(Applied { balance: Balance::from(&before), is_new: false });
    }
    let amount = entry.amount;
    let (ceiling, debit) = (Tokens::MAX_BALANCE.minus(amount)?, Tokens::ZERO.minus(amount)?);
    // Where the sum is no balance, nothing is written below.
    let total = Tokens(Balance::from(&before).total().0.saturating_add(amount.0));
    let mut head = Head::try_from(&before)?;
    let row = append(txn, &mut head, entry, total).await?;
    let updated = wallet_row::Entity::update_many()
        .col_expr(Column::Tokens, Expr::col(Column::Tokens).add(amount))
        .col_expr(Column::LedgerSeq, Expr::value(head.seq))
        .col_expr(Column::LedgerHash, Expr::value(to_hex(&head.hash)))
        .filter(Column::Id.eq(before.id))
        .filter(Expr::col(Column::Tokens).gte(debit))
        .filter(Expr::col(Column::Tokens).add(Expr::col(Column::Held)).lte(ceiling))
        .exec_with_returning(txn)
        .await?;
    let Some(balance) = updated.first().map(Balance::from) else {
        let (now, max) = (before.tokens, Tokens::MAX_BALANCE);
        let message = if amount < Tokens::ZERO {
            format!("The balance can't go below 0 (now {now}).")
        } else {
            format!("The balance can't exceed {max} (now {now}, reserved tokens included).")
        };
        return Err(Error::field("amount", message));
    };
    row.insert(txn).await?;
    Ok(Applied { balance, is_new: true })
}

/// Returns whether a request is the one that was recorded before for the same wallet: all its parameters are equal. The amount that leads
/// to a requested balance is no parameter, and may differ by now.
fn is_same(earlier: &ledger_entry::Model, entry: &Entry) -> bool {
    let same_amount = entry.requested_balance.is_some() || earlier.amount == entry.amount;
    earlier.requested_balance == entry.requested_balance
        && same_amount
        && earlier.reason == entry.reason
        && earlier.note.as_ref() == entry.note()
}

/// Validates an idempotency key: 1 to 255 visible ASCII characters, as in the draft for the HTTP header.
///
/// # Errors
/// INVALID_INPUT if it is not valid.
pub fn check_idempotency_key(key: Option<&str>) -> Result<(), Error> {
    match key {
        Some(key) if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Error::field("idempotency_key", "Between 1 and 255 visible ASCII characters."))
        }
        // The placeholder of the API description, which a client has to replace.
        Some(key) if key.starts_with("{{") && key.ends_with("}}") => Err(Error::field(
            "idempotency_key",
            "This is an unfilled template variable. Each message needs its own idempotency key.",
        )),
        _ => Ok(()),
    }
}

/// Interval at which [`watch_balance`] reads the balance without any notice: in case one was lost.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Notifies the watchers of a balance that it may have changed. Called after the transaction that changed it; watchers
/// poll for changes whose notification was not sent or was lost.
pub fn notify_balance_changed(bus: &Bus, user_id: UserId) {
    bus.publish(&topic(user_id), Vec::new);
}

/// Returns the viewer's balance as a stream: the current one, then each change. Concurrent changes are coalesced. One
/// that was not published, such as by the command line, is detected by [`crate::infra::user_watch`] within its interval.
///
/// # Errors
/// In the stream: NOT_FOUND after the account was deleted.
pub fn watch_balance(app: &App, reader: Reader) -> impl Stream<Item = Result<Balance, Error>> + Send + use<> {
    let (app, user_id) = (app.clone(), reader.id);
    try_stream! {
        let mut subscription = app.bus.subscribe(&topic(user_id));
        let mut unpublished = app.user_watch.watch(user_id);
        let mut seen = None;
        loop {
            let now = balance(&app.db, user_id).await?;
            if seen != Some(now) {
                seen = Some(now);
                yield now;
            }
            tokio::select! {
                _ = subscription.next() => {}
                () = unpublished.changed() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            // Events that arrived meanwhile add nothing: the row is read after all of them.
            subscription.skip();
        }
    }
}

fn topic(user_id: UserId) -> String {
    format!("user:{user_id}:balance")
}

/// Returns the user's row, locked until the transaction ends. A transaction that also locks a wallet locks it after the
/// users.
///
/// # Errors
/// NOT_FOUND without such a user.
pub async fn find_for_update(txn: &Txn, user_id: UserId) -> Result<user::Model, Error> {
    // Not against foreign keys that refer to the row: a new chat, whose wallet is locked already, must not wait for it.
    let user = user::Entity::find_by_id(user_id).lock(LockType::NoKeyUpdate).one(txn).await?;
    user.ok_or_else(|| Error::not_found("user"))
}

/// Returns the existing rows of these users, locked in the order of their ids until the transaction ends.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn find_all_for_update(txn: &Txn, ids: impl IntoIterator<Item = UserId>) -> Result<Vec<user::Model>, Error> {
    let users = user::Entity::find().filter(user::Column::Id.is_in(ids)).order_by_asc(user::Column::Id);
    Ok(users.lock(LockType::NoKeyUpdate).all(txn).await?)
}

async fn find_duplicate(txn: &Txn, entry: &Entry) -> Result<Option<ledger_entry::Model>, Error> {
    use ledger_entry::Column;
    let Some(key) = entry.idempotency_key() else { return Ok(None) };
    // The command line has no actor id; its keys form a namespace of their own.
    let same_actor = match entry.actor_id {
        Some(id) => Column::ActorId.eq(id),
        None => Column::ActorId.is_null(),
    };
    Ok(ledger_entry::Entity::find().filter(Column::IdempotencyKey.eq(key)).filter(same_actor).one(txn).await?)
}

/// Returns the row of a new entry, which the caller inserts. The wallet's row is locked.
async fn append(
    txn: &Txn,
    head: &mut Head,
    entry: Entry,
    balance_after: Tokens,
) -> Result<ledger_entry::ActiveModel, Error> {
    let id = new_entry_ids(txn, 1).await?.pop().ok_or_else(|| Error::internal("no id of a ledger entry"))?;
    head.append(id, entry, balance_after)
}
