//! Checkpoints: the heads of all chains at one moment, sealed. Who keeps a checkpoint elsewhere can prove later that
//! the history before it was not rewritten, even with new hashes.
//!
//! A checkpoint is a file of JSON lines: a header, a line for each chain with an entry, and the seal of all lines before
//! it. It can be read without a database.

use std::io::{BufRead, Read, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use futures::TryStreamExt;
use migration::ledger_chain::{Hash, from_hex};
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, JoinType, Query, SelectStatement};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, StatementBuilder, StreamTrait,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::seal::{Seal, SealKind};
use crate::core::error::{Code, Error};
use crate::core::signature::Signer;
use crate::infra::db::Db;
use crate::infra::entity::ledger_entry::{self, Column};
use crate::infra::entity::wallet;

/// The name and the version of the format.
const FORMAT: &str = "jeton-checkpoint";
const VERSION: u32 = 1;
/// Maximum length of a line in bytes; Jeton's own are far shorter.
const MAX_LINE: u64 = 4096;
/// Heads that are compared by one query.
const BATCH: usize = 500;
/// The alias of a list of values.
const GIVEN: &str = "given";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    time: String,
    balances: u64,
}

/// A line: the head of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLine {
    /// The wallet, whose owner may be deleted. Checkpoints of earlier versions have the user, whose id is the same.
    #[serde(alias = "user")]
    pub wallet: i64,
    /// The number of entries.
    pub seq: i64,
    /// The hash of the last one.
    pub hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    seal: Seal,
}

/// What a checkpoint says of itself. Its seal is valid.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The time of the checkpoint.
    pub time: String,
    /// The number of chains.
    pub balances: u64,
    /// The public key of the signature.
    pub public_key: String,
}

/// Writes a checkpoint of one snapshot. Returns the number of chains.
///
/// # Errors
/// INTERNAL if the database can't be read, or `out` can't be written.
pub async fn write(db: &Db, signer: &Signer, now: DateTime<Utc>, out: &mut (dyn Write + Send)) -> Result<u64, Error> {
    let txn = snapshot(db).await?;
    let backend = ConnectionTrait::get_database_backend(&txn);
    let count = Query::select().expr(Expr::cust("count(*)")).from_subquery(heads(), GIVEN).take();
    let count = txn.query_one_raw(StatementBuilder::build(&count, &backend)).await?;
    let count: i64 = count.map_or(Ok(0), |count| count.try_get_by_index(0))?;
    let mut hash = Sha256::new();
    let mut put = |line: Result<String, serde_json::Error>| -> Result<(), Error> {
        let line = line.map_err(|error| Error::internal(error))? + "\n";
        hash.update(&line);
        out.write_all(line.as_bytes()).map_err(|error| Error::internal(error))
    };
    let time = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let balances = count.unsigned_abs();
    put(serde_json::to_string(&Header { format: FORMAT.to_owned(), version: VERSION, time, balances }))?;
    let mut rows = txn.stream_raw(StatementBuilder::build(&heads(), &backend)).await?;
    while let Some(row) = rows.try_next().await? {
        let (wallet, seq, hash) = row.try_get_many_by_index()?;
        put(serde_json::to_string(&HeadLine { wallet, seq, hash }))?;
    }
    let hash = hash.finalize().into();
    let end = End { seal: Seal::new(signer, SealKind::Checkpoint, &hash) };
    let end = serde_json::to_string(&end).map_err(|error| Error::internal(error))? + "\n";
    out.write_all(end.as_bytes()).and_then(|()| out.flush()).map_err(|error| Error::internal(error))?;
    Ok(balances)
}

/// Compares a checkpoint with the ledger. Returns its summary, and for each head that is not in its chain a sentence.
///
/// # Errors
/// INVALID_INPUT if it is no checkpoint, or was changed; INTERNAL if the database can't be read.
pub async fn compare(db: &Db, input: &mut (dyn BufRead + Send)) -> Result<(Summary, Vec<String>), Error> {
    let txn = snapshot(db).await?;
    let (mut reader, mut findings) = (Reader::begin(input)?, Vec::new());
    loop {
        let heads = reader.next(BATCH)?;
        if heads.is_empty() {
            break;
        }
        let query = same_numbers(&heads);
        let found =
            txn.query_all_raw(StatementBuilder::build(&query, &ConnectionTrait::get_database_backend(&txn))).await?;
        let hashes = found.iter().map(|row| row.try_get_many_by_index()).collect::<Result<Vec<_>, _>>()?;
        let hashes: std::collections::HashMap<(i64, i64), Option<String>> =
            hashes.into_iter().map(|(wallet, seq, hash)| ((wallet, seq), hash)).collect();
        for HeadLine { wallet, seq, hash } in heads {
            match hashes.get(&(wallet, seq)).and_then(Option::as_ref) {
                Some(found) if *found == hash => {}
                Some(_) => findings.push(format!(
                    "wallet {wallet}: ledger entry number {seq} has another hash than in the checkpoint: the history \
                     before it was rewritten"
                )),
                None => findings.push(format!(
                    "wallet {wallet}: ledger entry number {seq} is missing, which was the last one in the checkpoint"
                )),
            }
        }
    }
    Ok((reader.end()?, findings))
}

/// Returns the head of a wallet in a checkpoint, with its summary; `None` if it had no entries then.
///
/// # Errors
/// INVALID_INPUT if it is no checkpoint, or was changed.
pub fn head_of(wallet: i64, input: &mut (dyn BufRead + Send)) -> Result<(Summary, Option<(i64, Hash)>), Error> {
    let (mut reader, mut found) = (Reader::begin(input)?, None);
    loop {
        let heads = reader.next(BATCH)?;
        if heads.is_empty() {
            return Ok((reader.end()?, found));
        }
        let head = heads.iter().find(|head| head.wallet == wallet);
        found = found.or(head.and_then(|head| Some((head.seq, from_hex(&head.hash)?))));
    }
}

/// Reads a checkpoint, an untrusted file.
struct Reader<'a> {
    input: &'a mut (dyn BufRead + Send),
    hash: Sha256,
    header: Header,
    number: u64,
    read: u64,
    end: Option<End>,
}

impl<'a> Reader<'a> {
    fn begin(input: &'a mut (dyn BufRead + Send)) -> Result<Self, Error> {
        let none = Header { format: String::new(), version: 0, time: String::new(), balances: 0 };
        let mut reader = Self { input, hash: Sha256::new(), header: none, number: 0, read: 0, end: None };
        let line = reader.line()?;
        reader.hash.update(&line);
        let header: Option<Header> = serde_json::from_slice(&line).ok();
        reader.header = header
            .filter(|header| (header.format.as_str(), header.version) == (FORMAT, VERSION))
            .ok_or_else(|| reader.wrong("it is not the beginning of a checkpoint that this version reads"))?;
        Ok(reader)
    }

    /// Returns the next heads; none after the last.
    fn next(&mut self, most: usize) -> Result<Vec<HeadLine>, Error> {
        let mut heads = Vec::new();
        while self.end.is_none() && heads.len() < most {
            let line = self.line()?;
            if line.is_empty() {
                return Err(self.wrong("the file is cut off: its seal is missing"));
            }
            if let Ok(head) = serde_json::from_slice::<HeadLine>(&line) {
                self.hash.update(&line);
                self.read += 1;
                heads.push(head);
                continue;
            }
            let end =
                serde_json::from_slice::<End>(&line).map_err(|_| self.wrong("it is neither a head nor a seal"))?;
            let written = serde_json::to_string(&end).map_err(|error| Error::internal(error))? + "\n";
            if written.as_bytes() != line {
                return Err(self.wrong("the seal was changed"));
            }
            self.end = Some(end);
        }
        Ok(heads)
    }

    /// Checks the seal.
    fn end(mut self) -> Result<Summary, Error> {
        if !self.line()?.is_empty() {
            return Err(self.wrong("there is something after the seal"));
        }
        let Self { hash, header, read, end, .. } = self;
        let seal = end.map(|end| end.seal).ok_or_else(|| Error::internal("the end was not read"))?;
        let wrong = |why: String| Error::new(Code::InvalidInput, format!("the checkpoint is not valid: {why}"));
        seal.check(SealKind::Checkpoint, &hash.finalize().into()).map_err(wrong)?;
        if read != header.balances {
            return Err(wrong(format!("it has {read} heads, and its header counts {}", header.balances)));
        }
        Ok(Summary { time: header.time, balances: read, public_key: seal.public_key })
    }

    fn line(&mut self) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        self.number += 1;
        let read = (&mut *self.input).take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| self.wrong("it can't be read").with_source(error))?;
        if line.last().is_some_and(|last| *last != b'\n') {
            return Err(self.wrong("it is cut off or too long"));
        }
        Ok(line)
    }

    fn wrong(&self, why: &str) -> Error {
        Error::new(Code::InvalidInput, format!("line {} of the checkpoint: {why}", self.number))
    }
}

async fn snapshot(db: &Db) -> Result<DatabaseTransaction, Error> {
    // Any SQLite transaction is a snapshot, and warns if an isolation level is requested.
    let is_postgres = db.read().get_database_backend() == DbBackend::Postgres;
    let isolation = is_postgres.then_some(IsolationLevel::RepeatableRead);
    Ok(db.read().begin_with_config(isolation, is_postgres.then_some(AccessMode::ReadOnly)).await?)
}

/// Returns the query of all heads, also of the closed wallets of deleted users.
fn heads() -> SelectStatement {
    let head = |column| Expr::col((wallet::Entity, column));
    Query::select()
        .exprs([wallet::Column::Id, wallet::Column::LedgerSeq, wallet::Column::LedgerHash].map(head))
        .from(wallet::Entity)
        .and_where(head(wallet::Column::LedgerSeq).gt(0))
        .take()
}

/// Returns the query of the hashes that the ledger has for the numbers of these heads.
fn same_numbers(heads: &[HeadLine]) -> SelectStatement {
    let given = |place: u8| Expr::col((GIVEN, format!("column{place}")));
    let entry = |column| Expr::col((ledger_entry::Entity, column));
    let is_same = entry(Column::WalletId).eq(given(1)).and(entry(Column::Seq).eq(given(2)));
    Query::select()
        .exprs([given(1), given(2), entry(Column::Hash)])
        .from_values(heads.iter().map(|head| (head.wallet, head.seq)), GIVEN.into_iden())
        .join(JoinType::LeftJoin, ledger_entry::Entity, is_same)
        .take()
}
