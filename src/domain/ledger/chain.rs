//! The hash chain of a wallet's ledger entries. Each entry has a number, and a hash of its content and of the hash before
//! it; the wallet's row has the head. [`Head::append`] is the only way to a new entry.
//!
//! The canonical form is in [`migration::ledger_chain`], which also the migration of existing entries uses.

use chrono::SubsecRound;
pub(super) use migration::ledger_chain::{Hash, from_hex, to_hex};
use migration::ledger_chain::{Payload, erasable_digest, link};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ActiveEnum, ConnectionTrait, DbBackend};

use super::Entry;
use crate::core::error::Error;
use crate::core::ids::{LedgerEntryId, WalletId};
use crate::core::random::Random;
use crate::core::tokens::Tokens;
use crate::infra::db::Txn;
use crate::infra::entity::{ledger_entry, wallet};

/// What retention may erase of an entry after the account's deletion. The chain has only its salted digest, which stays.
#[derive(Clone, Debug)]
pub struct Erasable {
    /// The operator's note.
    pub note: Option<String>,
    /// Idempotency key, unique per actor.
    pub idempotency_key: Option<String>,
    /// The random salt of the digest.
    salt: String,
}

impl Erasable {
    /// Returns what an entry has of the two; `None` if it has neither.
    pub fn new(random: &Random, note: Option<String>, idempotency_key: Option<String>) -> Option<Self> {
        let has_any = note.is_some() || idempotency_key.is_some();
        has_any.then(|| Self { note, idempotency_key, salt: random.hex128() })
    }
}

/// The head of a wallet's chain: the last number and its hash. The wallet's row is locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) wallet_id: WalletId,
    pub(super) seq: i64,
    pub(super) hash: Hash,
}

impl Head {
    /// Returns the head that a wallet's row has.
    ///
    /// # Errors
    /// INTERNAL if the hash is none.
    pub(super) fn of_row(wallet_id: WalletId, seq: i64, hash: &str) -> Result<Self, Error> {
        let hash = from_hex(hash).ok_or_else(|| Error::internal("the head of a ledger chain is no hash"))?;
        Ok(Self { wallet_id, seq, hash })
    }

    /// Appends an entry with this id to the chain, and returns its row. The caller inserts it, and writes the new head
    /// into the wallet's row.
    ///
    /// # Errors
    /// INTERNAL if the numbers are used up.
    pub(super) fn append(
        &mut self,
        id: LedgerEntryId,
        entry: Entry,
        balance_after: Tokens,
    ) -> Result<ledger_entry::ActiveModel, Error> {
        let seq = self.seq.checked_add(1).ok_or_else(|| Error::internal("a ledger chain is full"))?;
        let Entry {
            owner: _,
            member_id,
            amount,
            reason,
            chat_id,
            api_key_id,
            actor_id,
            requested_balance,
            at,
            erasable,
        } = entry;
        // The precision of PostgreSQL, on both databases.
        let created_at = at.trunc_subsecs(6);
        let digest = erasable
            .as_ref()
            .map(|part| erasable_digest(&part.salt, part.note.as_deref(), part.idempotency_key.as_deref()));
        let payload = Payload {
            id: id.0,
            wallet_id: self.wallet_id.0,
            seq,
            amount: amount.0,
            balance_after: balance_after.0,
            reason: &reason.to_value(),
            chat_id: chat_id.map(i64::from),
            api_key_id: api_key_id.map(i64::from),
            actor_id: actor_id.map(i64::from),
            requested_balance: requested_balance.map(|tokens| tokens.0),
            created_at: created_at.timestamp_micros(),
            erasable: digest,
            member_id: member_id.map(i64::from),
        };
        *self = Self { wallet_id: self.wallet_id, seq, hash: link(&self.hash, &payload.digest()) };
        let (note, idempotency_key, salt) =
            erasable.map_or((None, None, None), |part| (part.note, part.idempotency_key, Some(part.salt)));
        Ok(ledger_entry::ActiveModel {
            id: Set(id),
            wallet_id: Set(self.wallet_id),
            member_id: Set(member_id),
            amount: Set(amount),
            balance_after: Set(balance_after),
            reason: Set(reason),
            note: Set(note),
            chat_id: Set(chat_id),
            api_key_id: Set(api_key_id),
            actor_id: Set(actor_id),
            idempotency_key: Set(idempotency_key),
            requested_balance: Set(requested_balance),
            created_at: Set(created_at),
            seq: Set(Some(seq)),
            hash: Set(Some(to_hex(&self.hash))),
            erasable_digest: Set(digest.as_ref().map(to_hex)),
            erasable_salt: Set(salt),
        })
    }
}

impl TryFrom<&wallet::Model> for Head {
    type Error = Error;

    fn try_from(wallet: &wallet::Model) -> Result<Self, Error> {
        Self::of_row(wallet.id, wallet.ledger_seq, &wallet.ledger_hash)
    }
}

/// Returns the expression of a new id of an entry, in a query of one row for each entry. It runs while the wallets'
/// rows are locked: the ids of a chain ascend.
pub fn new_entry_id(txn: &Txn) -> Expr {
    Expr::cust(match txn.get_database_backend() {
        DbBackend::Postgres => "nextval('ledger_entry_id_seq')",
        // SQLite has one writer, and rows that are inserted with these ids raise the sequence. Like SQLite itself, it
        // also steps over rows that the sequence does not know.
        _ => {
            "max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'ledger_entry'), 0), \
             coalesce((SELECT max(id) FROM ledger_entry), 0)) + row_number() OVER (ORDER BY 1)"
        }
    })
}

/// Returns new ids of entries, ascending. The wallets' rows are locked.
pub(super) async fn new_entry_ids(txn: &Txn, count: usize) -> Result<Vec<LedgerEntryId>, Error> {
    let mut ids = Vec::with_capacity(count);
    if count == 0 {
        return Ok(ids);
    }
    if txn.get_database_backend() == DbBackend::Postgres {
        let numbers = Query::select().expr(new_entry_id(txn)).from_function(series(count), "number").take();
        for row in txn.query_all(&numbers).await? {
            ids.push(LedgerEntryId(row.try_get_by_index(0)?));
        }
        ids.sort_unstable();
        return Ok(ids);
    }
    let first = txn.query_one(&Query::select().expr(new_entry_id(txn)).take()).await?;
    let first: i64 = first.ok_or_else(|| Error::internal("a query without a row"))?.try_get_by_index(0)?;
    ids.extend((first..).take(count).map(LedgerEntryId));
    Ok(ids)
}

fn series(count: usize) -> sea_orm::sea_query::FunctionCall {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    sea_orm::sea_query::Func::cust("generate_series").arg(1i32).arg(count)
}
