//! Verification of the ledger's invariants on a live database. It only reads.

mod chain;
mod costs;
mod queries;
mod types;
mod violation;

use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, IsolationLevel, StatementBuilder,
    TransactionTrait,
};

use self::queries::{balances, chats, keys, leftovers, users_without_wallets};
use self::types::types;
pub use self::violation::{ChainDamage, IntegrityViolation, WalletName};
use crate::core::error::Error;
use crate::infra::db::Db;

/// Returns all violations of the invariants, from one snapshot.
///
/// # Errors
/// INTERNAL if the database cannot be read.
pub async fn verify(db: &Db) -> Result<Vec<IntegrityViolation>, Error> {
    // All queries see the same snapshot. Any SQLite transaction does, and warns if an isolation level is requested.
    let is_postgres = db.read().get_database_backend() == DbBackend::Postgres;
    let isolation = is_postgres.then_some(IsolationLevel::RepeatableRead);
    let txn = db.read().begin_with_config(isolation, None).await?;
    let mut findings = types(&txn).await?;
    if !findings.is_empty() {
        return Ok(findings);
    }
    for row in all::<BalanceRow>(&txn, balances()).await? {
        let wallet = WalletName::new(row.wallet_id, row.user_id, row.group_id);
        let BalanceRow { tokens, held, entries, open, .. } = row;
        findings.push(IntegrityViolation::Balance { wallet, tokens, held, entries, open });
    }
    for row in all::<LeftoverRow>(&txn, leftovers()).await? {
        let wallet = WalletName::new(row.wallet_id, row.user_id, row.group_id);
        findings.push(IntegrityViolation::Leftover { wallet, entries: row.entries });
    }
    for row in all::<UserRow>(&txn, users_without_wallets()).await? {
        findings.push(IntegrityViolation::NoWallet { user_id: row.user_id });
    }
    for row in all::<KeyRow>(&txn, keys()).await? {
        let KeyRow { key_id, spent, paid, held, open } = row;
        findings.push(IntegrityViolation::Key { key_id, spent, paid, held, open });
    }
    for row in all::<ChatRow>(&txn, chats()).await? {
        findings.push(IntegrityViolation::Chat { chat_id: row.chat_id, cost: row.cost, paid: row.paid });
    }
    findings.append(&mut costs::costs(&txn).await?);
    findings.append(&mut chain::chains(&txn).await?);
    txn.commit().await?;
    Ok(findings)
}

#[derive(FromQueryResult)]
struct BalanceRow {
    wallet_id: i64,
    user_id: Option<i64>,
    group_id: Option<i64>,
    tokens: i64,
    held: i64,
    entries: i64,
    open: i64,
}

#[derive(FromQueryResult)]
struct LeftoverRow {
    wallet_id: i64,
    user_id: Option<i64>,
    group_id: Option<i64>,
    entries: i64,
}

#[derive(FromQueryResult)]
struct UserRow {
    user_id: i64,
}

#[derive(FromQueryResult)]
struct KeyRow {
    key_id: i64,
    spent: i64,
    paid: i64,
    held: i64,
    open: i64,
}

#[derive(FromQueryResult)]
struct ChatRow {
    chat_id: i64,
    cost: i64,
    paid: Option<i64>,
}

async fn all<T: FromQueryResult>(txn: &DatabaseTransaction, query: SelectStatement) -> Result<Vec<T>, Error> {
    Ok(T::find_by_statement(StatementBuilder::build(&query, &txn.get_database_backend())).all(txn).await?)
}
