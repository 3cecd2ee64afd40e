//! A consistent snapshot of a whole database, read table by table in one transaction.

use async_stream::try_stream;
use futures::Stream;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, Statement, StatementBuilder,
    TransactionTrait,
};

use super::id_sequence;
use super::table::{self, Table};
use super::value::{Row, TableChecksum, Value};
use super::{Progress, ProgressUpdate};
use crate::core::error::{Code, Error};
use crate::infra::db::Db;

/// Maximum number of rows in a batch; fewer if they are large.
const MOST_ROWS: u64 = 1000;
/// Size in bytes above which a batch makes the next one smaller.
const LARGE: usize = 4 << 20;

/// A snapshot of a database.
pub(super) struct Snapshot {
    txn: DatabaseTransaction,
    pub(super) tables: Vec<Table>,
    /// The number of rows of each table.
    pub(super) counts: Vec<u64>,
}

impl Snapshot {
    /// Opens a snapshot of the current state. Concurrent writes are not blocked, and not visible in it.
    ///
    /// # Errors
    /// CONFLICT if the schema has another version; INTERNAL if the database can't be read.
    pub(super) async fn begin(db: &Db) -> Result<Self, Error> {
        check_state(db).await?;
        if !db.is_migrated().await? {
            let message = "its schema is of another version than this program; run `jeton migrate` on it first";
            return Err(Error::new(Code::Conflict, message));
        }
        // On SQLite each transaction is a snapshot, and an isolation level would only log a warning.
        let is_postgres = db.read().get_database_backend() == DbBackend::Postgres;
        let isolation = is_postgres.then_some(IsolationLevel::RepeatableRead);
        let txn = db.read().begin_with_config(isolation, is_postgres.then_some(AccessMode::ReadOnly)).await?;
        let tables = table::all(&txn).await?;
        let mut counts = Vec::with_capacity(tables.len());
        for table in &tables {
            let found = txn.query_one_raw(StatementBuilder::build(&table.count(), &txn.get_database_backend())).await?;
            let count: i64 = found.map_or(Ok(0), |found| found.try_get_by_index(0))?;
            counts.push(count.try_into().unwrap_or(0));
        }
        Ok(Self { txn, tables, counts })
    }

    /// Returns the number of all rows.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Streams the rows of a table, in batches of bounded memory.
    pub(super) fn rows<'a>(&'a self, table: &'a Table) -> impl Stream<Item = Result<Vec<Row>, Error>> + Send + 'a {
        try_stream! {
            let (mut last, mut most): (Option<Row>, u64) = (None, 16);
            loop {
                let next = table.next(last.as_ref(), most);
                let found = self.txn.query_all_raw(StatementBuilder::build(&next, &self.txn.get_database_backend()));
                let rows = found.await?.iter().map(|found| table.row(found)).collect::<Result<Vec<_>, _>>()?;
                let Some(end) = rows.last() else { break };
                last = Some(end.clone());
                let weight: usize = rows.iter().flatten().map(Value::weight).sum();
                most = if weight > LARGE { (most / 4).max(1) } else { (most * 2).min(MOST_ROWS) };
                yield rows;
            }
        }
    }

    /// Returns the highest assigned id of each table with a sequence.
    pub(super) async fn sequences(&self) -> Result<Vec<(String, i64)>, Error> {
        let mut all = Vec::new();
        for table in &self.tables {
            if let Some(last) = id_sequence::last(&self.txn, &table.name).await? {
                all.push((table.name.clone(), last));
            }
        }
        Ok(all)
    }

    /// Returns the checksums of all tables, in the order of `tables`.
    pub(super) async fn sums(&self, what: &str, progress: &Progress) -> Result<Vec<TableChecksum>, Error> {
        use futures::TryStreamExt;
        let (mut sums, mut done) = (Vec::with_capacity(self.tables.len()), 0);
        for table in &self.tables {
            let mut sum = TableChecksum::default();
            let mut batches = std::pin::pin!(self.rows(table));
            while let Some(rows) = batches.try_next().await? {
                rows.iter().for_each(|row| sum.add(row));
                done += rows.len() as u64;
                progress(ProgressUpdate { what, done, total: self.total() });
            }
            sums.push(sum);
        }
        Ok(sums)
    }
}

/// Checks that the tables with the state of an SQLite database (migrations, unfinished loads) are plain tables before
/// they are read: a view could run forever.
async fn check_state(db: &Db) -> Result<(), Error> {
    if db.read().get_database_backend() != DbBackend::Sqlite {
        return Ok(());
    }
    let computed = "SELECT name, type FROM pragma_table_list \
                    WHERE schema = 'main' AND name IN ('seaql_migrations', 'unfinished') AND type <> 'table'";
    let Some(row) = db.read().query_one_raw(Statement::from_string(DbBackend::Sqlite, computed)).await? else {
        return Ok(());
    };
    let (name, kind): (String, String) = row.try_get_many_by_index()?;
    Err(Error::new(Code::Conflict, format!("it is no database of Jeton: {name} is a {kind}, not a table")))
}
