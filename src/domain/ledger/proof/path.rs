//! The path from an entry to the head of its chain: the entry itself, and the digests of all entries after it.

use chrono::{DateTime, SecondsFormat, Utc};
use futures::TryStreamExt;
use migration::ledger_chain::{Hash, Payload, ZERO, from_hex, link, to_hex};
use sea_orm::{
    ActiveEnum, ColumnTrait, DbBackend, EntityTrait, IsolationLevel, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};

use crate::core::error::{Code, Error};
use crate::core::ids::ChatId;
use crate::infra::db::Db;
use crate::infra::entity::ledger_entry::{self, Column};

/// An entry with its place in the chain. Hashes are in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPath {
    /// The fields that the entry's digest covers.
    pub entry: EntryFields,
    /// The hash before the entry: that of the entry before it, or zeros.
    pub previous_hash: String,
    /// The hash of the entry.
    pub hash: String,
    /// The digests of all later entries of the wallet, in the order of the chain.
    pub path: Vec<String>,
    /// The head: the last of them.
    pub head: HeadFields,
}

/// The fields of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryFields {
    pub id: i64,
    /// The wallet. Receipts of earlier versions have the user, whose id is the same.
    #[serde(alias = "user_id")]
    pub wallet_id: i64,
    pub seq: i64,
    pub amount: i64,
    pub balance_after: i64,
    pub reason: String,
    pub chat_id: Option<i64>,
    pub api_key_id: Option<i64>,
    pub actor_id: Option<i64>,
    pub requested_balance: Option<i64>,
    /// By RFC 3339, with microseconds.
    pub created_at: String,
    pub erasable_digest: Option<String>,
    /// The member of a group who spent from its wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<i64>,
}

/// The head of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadFields {
    /// The number of entries.
    pub seq: i64,
    /// The hash of the last one.
    pub hash: String,
}

/// A hash that was published: what a path is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The number of its entry, if it is known.
    pub seq: Option<i64>,
    /// The hash.
    pub hash: Hash,
}

impl Published {
    /// Parses a hash in hexadecimal, whose entry is not known.
    pub fn parse(hash: &str) -> Option<Self> {
        Some(Self { seq: None, hash: from_hex(hash)? })
    }
}

/// Returns the path of the entry of a chat, from one snapshot.
///
/// # Errors
/// NOT_FOUND if the chat has no entry; CONFLICT if the entry, or a later one, is in no chain.
pub async fn entry_path(db: &Db, chat_id: ChatId) -> Result<EntryPath, Error> {
    let is_postgres = db.read().get_database_backend() == DbBackend::Postgres;
    let txn = db.read().begin_with_config(is_postgres.then_some(IsolationLevel::RepeatableRead), None).await?;
    let entry = ledger_entry::Entity::find().filter(Column::ChatId.eq(chat_id)).one(&txn).await?;
    let entry = entry.ok_or_else(|| Error::not_found("ledger entry"))?;
    let fields = EntryFields::of(&entry)?;
    let mut digest = fields.digest().ok_or_else(broken)?;
    let before = ledger_entry::Entity::of_wallet(entry.wallet_id).filter(Column::Seq.eq(fields.seq - 1));
    let before: Option<String> = before.select_only().column(Column::Hash).into_tuple().one(&txn).await?.flatten();
    let previous = before.map_or(Some(ZERO), |hash| from_hex(&hash)).ok_or_else(broken)?;
    let mut hash = link(&previous, &digest);
    let mut found = EntryPath {
        previous_hash: to_hex(&previous),
        hash: to_hex(&hash),
        path: Vec::new(),
        head: HeadFields { seq: fields.seq, hash: to_hex(&hash) },
        entry: fields,
    };
    let later = ledger_entry::Entity::of_wallet(entry.wallet_id).filter(Column::Seq.gt(found.entry.seq));
    let mut later = later.order_by_asc(Column::Seq).stream(&txn).await?;
    while let Some(row) = later.try_next().await? {
        digest = EntryFields::of(&row)?.digest().ok_or_else(broken)?;
        hash = link(&hash, &digest);
        found.path.push(to_hex(&digest));
        found.head.seq += 1;
    }
    found.head.hash = to_hex(&hash);
    Ok(found)
}

impl EntryPath {
    /// Recomputes the hashes, and searches the published hash among those from the entry on.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, published: Option<Published>) -> Result<(), String> {
        let digest = self.entry.digest().ok_or("its ledger entry has a field that can't be read")?;
        let previous = from_hex(&self.previous_hash).ok_or("its previous hash is none")?;
        let mut hash = link(&previous, &digest);
        if from_hex(&self.hash) != Some(hash) {
            return Err("the hash of its ledger entry is not that of its fields and the hash before it".to_owned());
        }
        let mut seq = self.entry.seq;
        let is_published = |seq: i64, hash: &Hash| {
            published.is_some_and(|published| published.seq.is_none_or(|at| at == seq) && published.hash == *hash)
        };
        let mut found = is_published(seq, &hash);
        for digest in &self.path {
            hash = link(&hash, &from_hex(digest).ok_or("its path has a digest that is none")?);
            seq = seq.saturating_add(1);
            found |= is_published(seq, &hash);
        }
        if (seq, Some(hash)) != (self.head.seq, from_hex(&self.head.hash)) {
            return Err("its path does not lead to its head".to_owned());
        }
        match published {
            Some(Published { seq: Some(at), .. }) if at < self.entry.seq => Err(format!(
                "the published head counts {at} entries of wallet {}, and is older than this one, number {}",
                self.entry.wallet_id, self.entry.seq
            )),
            Some(Published { seq: Some(at), .. }) if at > seq => Err(format!(
                "the published head counts {at} entries of wallet {}, and the path of the receipt ends at number {seq}: \
                 print a new receipt",
                self.entry.wallet_id
            )),
            Some(_) if !found => {
                Err("the published hash is not in its path: one of the two is not of this ledger".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl EntryFields {
    fn of(entry: &ledger_entry::Model) -> Result<Self, Error> {
        Ok(Self {
            id: entry.id.0,
            wallet_id: entry.wallet_id.0,
            seq: entry.seq.ok_or_else(broken)?,
            amount: entry.amount.0,
            balance_after: entry.balance_after.0,
            reason: entry.reason.to_value(),
            chat_id: entry.chat_id.map(i64::from),
            api_key_id: entry.api_key_id.map(i64::from),
            actor_id: entry.actor_id.map(i64::from),
            requested_balance: entry.requested_balance.map(|tokens| tokens.0),
            created_at: entry.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            erasable_digest: entry.erasable_digest.clone(),
            member_id: entry.member_id.map(i64::from),
        })
    }

    /// Returns the digest; `None` if a field is no time or no hash.
    fn digest(&self) -> Option<Hash> {
        let created_at: DateTime<Utc> = DateTime::parse_from_rfc3339(&self.created_at).ok()?.to_utc();
        let erasable = match &self.erasable_digest {
            Some(digest) => Some(from_hex(digest)?),
            None => None,
        };
        let payload = Payload {
            id: self.id,
            wallet_id: self.wallet_id,
            seq: self.seq,
            amount: self.amount,
            balance_after: self.balance_after,
            reason: &self.reason,
            chat_id: self.chat_id,
            api_key_id: self.api_key_id,
            actor_id: self.actor_id,
            requested_balance: self.requested_balance,
            created_at: created_at.timestamp_micros(),
            erasable,
            member_id: self.member_id,
        };
        Some(payload.digest())
    }
}

fn broken() -> Error {
    Error::new(Code::Conflict, "The chain of this wallet's ledger entries is damaged; run `jeton verify`.")
}
