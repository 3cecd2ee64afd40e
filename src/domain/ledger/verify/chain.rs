//! Verification of the hash chains: all entries are read once, in the order of their chains, in bounded memory.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use migration::ledger_chain::{Payload, ZERO, ZERO_HEX, erasable_digest, link};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ActiveEnum, ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, StatementBuilder, StreamTrait};

use super::violation::{ChainDamage, IntegrityViolation, WalletName};
use crate::core::error::Error;
use crate::domain::ledger::chain::{Hash, from_hex};
use crate::infra::entity::ledger_entry::{self, Column, Reason};
use crate::infra::entity::{group, user, wallet};

/// Returns the first damaged entry of each chain.
pub(super) async fn chains(txn: &DatabaseTransaction) -> Result<Vec<IntegrityViolation>, Error> {
    let mut walk = Walk { chain: None, findings: Vec::new() };
    let backend = ConnectionTrait::get_database_backend(txn);
    let mut rows = txn.stream_raw(StatementBuilder::build(&entries(), &backend)).await?;
    while let Some(found) = rows.try_next().await? {
        walk.step(&found)?;
    }
    drop(rows);
    walk.end_chain();
    for found in txn.query_all_raw(StatementBuilder::build(&without_entries(), &backend)).await? {
        let (id, user_id, group_id, seq) = found.try_get_many_by_index()?;
        let wallet = WalletName::new(id, user_id, group_id);
        let damage = ChainDamage::Missing { from: 1, to: seq };
        walk.findings.push(IntegrityViolation::Chain { wallet, entry_id: None, damage });
    }
    Ok(walk.findings)
}

/// Returns the query of all entries in the order of their chains, with the heads in the wallets' rows.
fn entries() -> SelectStatement {
    let entry = |column| Expr::col((ledger_entry::Entity, column));
    let head = |column| Expr::col((wallet::Entity, column));
    let owner = Expr::col((user::Entity, user::Column::Id));
    let is_head = entry(Column::Seq).eq(head(wallet::Column::LedgerSeq));
    let of_group = Expr::col((group::Entity, group::Column::Id));
    let is_open = owner.clone().is_not_null().or(of_group.clone().is_not_null());
    Query::select()
        .exprs(COLUMNS.map(entry))
        .expr(head(wallet::Column::LedgerSeq))
        .expr(Expr::case(is_head, head(wallet::Column::LedgerHash)))
        .expr(head(wallet::Column::UserId))
        .expr(head(wallet::Column::GroupId))
        .expr(Expr::case(is_open, 1i64).finally(0i64))
        .from(ledger_entry::Entity)
        .left_join(wallet::Entity, head(wallet::Column::Id).equals((ledger_entry::Entity, Column::WalletId)))
        .left_join(user::Entity, owner.equals((wallet::Entity, wallet::Column::UserId)))
        .left_join(group::Entity, of_group.equals((wallet::Entity, wallet::Column::GroupId)))
        .order_by((ledger_entry::Entity, Column::WalletId), Order::Asc)
        .order_by((ledger_entry::Entity, Column::Seq), Order::Asc)
        .take()
}

/// The columns in the order of the query; the first three say which entry it is.
const COLUMNS: [Column; 17] = [
    Column::Id,
    Column::WalletId,
    Column::Seq,
    Column::Hash,
    Column::Amount,
    Column::BalanceAfter,
    Column::Reason,
    Column::ChatId,
    Column::ApiKeyId,
    Column::ActorId,
    Column::RequestedBalance,
    Column::CreatedAt,
    Column::Note,
    Column::IdempotencyKey,
    Column::ErasableDigest,
    Column::ErasableSalt,
    Column::MemberId,
];

/// Returns the query of wallets without any entry whose row has a head.
fn without_entries() -> SelectStatement {
    use wallet::Column::{GroupId, Id, LedgerHash, LedgerSeq, UserId};
    let head = |column| Expr::col((wallet::Entity, column));
    let with_entries = Query::select().column(Column::WalletId).from(ledger_entry::Entity).take();
    Query::select()
        .exprs([Id, UserId, GroupId, LedgerSeq].map(head))
        .from(wallet::Entity)
        .and_where(head(LedgerSeq).ne(0).or(head(LedgerHash).ne(ZERO_HEX)))
        .and_where(head(Id).not_in_subquery(with_entries))
        .take()
}

/// The walk through all chains, one after the other.
struct Walk {
    chain: Option<Chain>,
    findings: Vec<IntegrityViolation>,
}

/// The chain that is being read.
struct Chain {
    wallet_id: i64,
    name: WalletName,
    /// The entry before: id, number, hash.
    last: (i64, i64, Hash),
    /// Whether the entry before closed the account.
    is_closed: bool,
    /// Whether the owner exists.
    is_open: bool,
    /// The number in the wallet's row; `None` if it is missing.
    head: Option<i64>,
    /// Whether a violation was found. Everything after it follows from it.
    is_damaged: bool,
}

/// An entry as it is stored.
struct Entry {
    seq: i64,
    hash: Option<String>,
    reason: String,
    created_at: DateTime<Utc>,
    note: Option<String>,
    idempotency_key: Option<String>,
    digest: Option<String>,
    salt: Option<String>,
    /// The hash in the wallet's row, if this is the last entry by it.
    head_hash: Option<String>,
    amount: i64,
    balance_after: i64,
    chat_id: Option<i64>,
    api_key_id: Option<i64>,
    actor_id: Option<i64>,
    requested_balance: Option<i64>,
    member_id: Option<i64>,
}

impl Walk {
    fn step(&mut self, found: &QueryResult) -> Result<(), DbErr> {
        // The types of these columns were verified before.
        let (id, wallet_id): (i64, i64) = (found.try_get_by_index(0)?, found.try_get_by_index(1)?);
        let seq: Option<i64> = found.try_get_by_index(2)?;
        if self.chain.as_ref().is_none_or(|chain| chain.wallet_id != wallet_id) {
            self.end_chain();
            let of_wallet = COLUMNS.len();
            let head = found.try_get_by_index(of_wallet)?;
            let owners = (found.try_get_by_index(of_wallet + 2)?, found.try_get_by_index(of_wallet + 3)?);
            let name = WalletName::new(wallet_id, owners.0, owners.1);
            let is_open = found.try_get_by_index::<i64>(of_wallet + 4)? != 0;
            let last = (0, 0, ZERO);
            self.chain = Some(Chain { wallet_id, name, last, is_closed: false, is_open, head, is_damaged: false });
        }
        let Some(chain) = self.chain.as_mut().filter(|chain| !chain.is_damaged) else { return Ok(()) };
        let damage = match seq {
            None => Err(ChainDamage::Unnumbered),
            Some(seq) => {
                Entry::read(found, seq).map_or(Err(ChainDamage::Unreadable { seq }), |entry| chain.check(id, &entry))
            }
        };
        if let Err(damage) = damage {
            chain.is_damaged = true;
            let wallet = chain.name;
            self.findings.push(IntegrityViolation::Chain { wallet, entry_id: Some(id), damage });
        }
        Ok(())
    }

    /// Compares the end of the chain with the wallet's row.
    fn end_chain(&mut self) {
        let Some(Chain { name: wallet, last: (id, seq, _), is_closed, is_open, head, .. }) =
            self.chain.take().filter(|chain| !chain.is_damaged)
        else {
            return;
        };
        let damage = match head {
            Some(head) if seq < head => ChainDamage::Missing { from: seq + 1, to: head },
            None => ChainDamage::NoHead { seq },
            Some(_) if !is_open && !is_closed => ChainDamage::NotClosed { seq },
            Some(_) => return,
        };
        self.findings.push(IntegrityViolation::Chain { wallet, entry_id: Some(id), damage });
    }
}

impl Chain {
    /// Checks the next entry, and advances to it.
    fn check(&mut self, id: i64, entry: &Entry) -> Result<(), ChainDamage> {
        let (seq, expected) = (entry.seq, self.last.1 + 1);
        if seq > expected {
            return Err(ChainDamage::Missing { from: expected, to: seq - 1 });
        }
        if self.head.is_some_and(|head| seq > head) {
            return Err(ChainDamage::Inserted { seq });
        }
        let changed = ChainDamage::Changed { seq };
        // The digest of an entry has whole microseconds.
        if seq < expected || !entry.created_at.timestamp_subsec_nanos().is_multiple_of(1000) {
            return Err(changed);
        }
        let digest = entry.digest.as_deref().map(|digest| from_hex(digest).ok_or(changed)).transpose()?;
        let payload = Payload {
            id,
            wallet_id: self.wallet_id,
            seq,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reason: &entry.reason,
            chat_id: entry.chat_id,
            api_key_id: entry.api_key_id,
            actor_id: entry.actor_id,
            requested_balance: entry.requested_balance,
            created_at: entry.created_at.timestamp_micros(),
            erasable: digest,
            member_id: entry.member_id,
        };
        let hash = link(&self.last.2, &payload.digest());
        if entry.hash.as_deref().and_then(from_hex) != Some(hash) {
            return Err(changed);
        }
        self.check_erasable(entry, digest)?;
        if entry.head_hash.as_deref().is_some_and(|head| from_hex(head) != Some(hash)) {
            return Err(ChainDamage::Head { seq });
        }
        self.last = (id, seq, hash);
        self.is_closed = entry.reason == Reason::AccountClosed.to_value();
        Ok(())
    }

    /// Checks note and idempotency key by their digest.
    fn check_erasable(&self, entry: &Entry, digest: Option<Hash>) -> Result<(), ChainDamage> {
        let (seq, note, key) = (entry.seq, entry.note.as_deref(), entry.idempotency_key.as_deref());
        match (digest, &entry.salt) {
            (Some(digest), Some(salt)) if erasable_digest(salt, note, key) == digest => Ok(()),
            // Retention erases them of deleted owners.
            (Some(_), None) if note.is_none() && key.is_none() => match self.is_open {
                true => Err(ChainDamage::Erased { seq }),
                false => Ok(()),
            },
            (None, None) if note.is_none() && key.is_none() => Ok(()),
            _ => Err(ChainDamage::NoteChanged { seq }),
        }
    }
}

impl Entry {
    /// Reads an entry; an error if a value is of another kind than its column.
    fn read(found: &QueryResult, seq: i64) -> Result<Self, DbErr> {
        Ok(Self {
            seq,
            hash: found.try_get_by_index(3)?,
            amount: found.try_get_by_index(4)?,
            balance_after: found.try_get_by_index(5)?,
            reason: found.try_get_by_index(6)?,
            chat_id: found.try_get_by_index(7)?,
            api_key_id: found.try_get_by_index(8)?,
            actor_id: found.try_get_by_index(9)?,
            requested_balance: found.try_get_by_index(10)?,
            created_at: found.try_get_by_index(11)?,
            note: found.try_get_by_index(12)?,
            idempotency_key: found.try_get_by_index(13)?,
            digest: found.try_get_by_index(14)?,
            salt: found.try_get_by_index(15)?,
            member_id: found.try_get_by_index(16)?,
            head_hash: found.try_get_by_index(18)?,
        })
    }
}
