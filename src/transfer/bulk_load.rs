//! Bulk load of an empty database. Until it has finished, the database is marked as not complete, and no server serves
//! it.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, StatementBuilder};

use super::snapshot::Snapshot;
use super::table::{self, Table};
use super::value::{Row, TableChecksum, Value};
use super::{Progress, complete, id_sequence};
use crate::core::clock::Clock;
use crate::core::error::{Code, Error};
use crate::infra::db::{Db, Txn};
use crate::infra::entity::{cluster_member, pending_load, price};

/// Maximum number of values in one statement. SQLite's limit is 32766.
const MOST_VALUES: usize = 30_000;

/// A running bulk load.
pub(super) struct BulkLoad {
    db: Db,
    pub(super) tables: Vec<Table>,
}

/// The table of the versions of prices.
const PRICES: &str = "price";

impl BulkLoad {
    /// Starts to load a database: creates its schema if there is none, and marks it as not complete.
    ///
    /// # Errors
    /// CONFLICT if it is not empty, or a server uses it.
    pub(super) async fn begin(db: Db, origin: &str) -> Result<Self, Error> {
        db.migrate().await?;
        check_complete(&db).await?;
        let Snapshot { tables, counts, .. } = Snapshot::begin(&db).await?;
        if let Some(server) = cluster_member::Entity::find().one(db.read()).await? {
            let message = format!(
                "a server uses the target, or was killed there: {} since {}; use a new database",
                server.address,
                server.started_at.format("%F %T UTC")
            );
            return Err(Error::new(Code::Conflict, message));
        }
        // A server stores its prices when it starts for the first time, and no chat of this database refers to them.
        let full = tables.iter().zip(&counts).find(|(table, count)| **count > 0 && table.name != PRICES);
        if let Some((table, count)) = full {
            let message = format!("the target is not empty: {} has {count} rows; use a new database", table.name);
            return Err(Error::new(Code::Conflict, message));
        }
        let mark = (origin.to_owned(), Clock::system().now());
        db.write(mark, |txn, (origin, at)| {
            Box::pin(async move {
                let mark = pending_load::ActiveModel { id: Set(1), origin: Set(origin.clone()), began_at: Set(*at) };
                mark.insert(txn).await?;
                price::Entity::delete_many().exec(txn).await?;
                Ok(())
            })
        })
        .await?;
        Ok(Self { db, tables })
    }

    /// Inserts rows into the table with this name.
    ///
    /// # Errors
    /// INVALID_INPUT if PostgreSQL can't store a text; INTERNAL if the database rejects a row.
    pub(super) async fn insert(&self, table: &str, rows: Vec<Row>) -> Result<(), Error> {
        let table = self.tables.iter().find(|own| own.name == table);
        let table = table.ok_or_else(|| Error::internal("a table is missing"))?.clone();
        if self.db.read().get_database_backend() == DbBackend::Postgres {
            check_texts(&table, &rows)?;
        }
        self.db.write((table, rows), |txn, (table, rows)| Box::pin(insert(txn, table, rows))).await
    }

    /// Returns the names of the tables with an id sequence.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub(super) async fn with_sequences(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for table in &self.tables {
            if id_sequence::last(self.db.read(), &table.name).await?.is_some() {
                found.push(table.name.clone());
            }
        }
        Ok(found)
    }

    /// Compares the loaded rows with the expected checksums, raises the id sequences, checks that all of it can be
    /// served, and only then marks the database as complete.
    ///
    /// # Errors
    /// CONFLICT if rows are missing, different or invalid; the database then stays marked as not complete.
    pub(super) async fn finish(
        self,
        expected: &BTreeMap<String, TableChecksum>,
        sequences: Vec<(String, i64)>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let after = Snapshot::begin(&self.db).await?;
        let sums = after.sums("checking", progress).await?;
        for (table, sum) in after.tables.iter().zip(sums) {
            let wanted = expected.get(&table.name).copied().unwrap_or_default();
            if wanted != sum {
                let message = format!(
                    "{} differs: expected {} rows with the checksum {}, found {} with {}",
                    table.name,
                    wanted.rows,
                    wanted.checksum(),
                    sum.rows,
                    sum.checksum()
                );
                return Err(Error::new(Code::Conflict, message));
            }
        }
        drop(after);
        self.db
            .write((sequences, Clock::system().now()), |txn, (sequences, now)| {
                Box::pin(async move {
                    id_sequence::raise_all(txn, sequences).await?;
                    complete::end_servers(txn, *now).await
                })
            })
            .await?;
        complete::check(&self.db).await?;
        // ANALYZE gives PostgreSQL the statistics to plan the first queries. VACUUM on SQLite reclaims the space that
        // inserts in descending order of ids have wasted.
        let is_postgres = self.db.read().get_database_backend() == DbBackend::Postgres;
        self.db.read().execute_unprepared(if is_postgres { "ANALYZE" } else { "VACUUM" }).await?;
        let complete = self.db.write((), |txn, ()| {
            Box::pin(async move {
                pending_load::Entity::delete_many().exec(txn).await?;
                Ok(())
            })
        });
        complete.await
    }
}

/// Checks that a database is complete: no bulk load is running in it, or was aborted.
///
/// # Errors
/// CONFLICT if it is not complete.
pub async fn check_complete(db: &Db) -> Result<(), Error> {
    let Some(mark) = pending_load::Entity::find().one(db.read()).await? else { return Ok(()) };
    let message = format!(
        "this database is not complete: a load from {} began at {} and has not finished; delete it and load a new one",
        mark.origin,
        mark.began_at.format("%F %T UTC")
    );
    Err(Error::new(Code::Conflict, message))
}

/// Checks texts for null characters, which PostgreSQL can't store.
fn check_texts(table: &Table, rows: &[Row]) -> Result<(), Error> {
    for row in rows {
        for (cell, column) in row.iter().zip(&table.columns) {
            if matches!(cell, Value::Text(text) if text.contains('\0')) {
                let message = format!(
                    "{} {} holds a null character in {}, which PostgreSQL can't store",
                    table.name,
                    table.place(row),
                    column.name
                );
                return Err(Error::new(Code::InvalidInput, message));
            }
        }
    }
    Ok(())
}

async fn insert(txn: &Txn, table: &Table, rows: &[Row]) -> Result<(), Error> {
    for part in rows.chunks((MOST_VALUES / table.columns.len().max(1)).max(1)) {
        let mut query = Query::insert();
        query.into_table(Alias::new(&table.name));
        query.columns(table.columns.iter().map(|column| Alias::new(&column.name)));
        for row in part {
            let values = row.iter().map(|cell| Expr::val(cell.value()));
            query.values(values).map_err(|error| Error::internal(error))?;
        }
        let failed = |error: sea_orm::DbErr| {
            Error::new(Code::Internal, format!("rows of {} were rejected", table.name)).with_source(error)
        };
        txn.execute_raw(StatementBuilder::build(&query, &txn.get_database_backend())).await.map_err(failed)?;
    }
    Ok(())
}

/// Checks that source and target have the same tables and columns.
///
/// # Errors
/// CONFLICT that names the difference.
pub(super) fn check_alike(snapshot: &Snapshot, filling: &BulkLoad) -> Result<(), Error> {
    table::check_alike(&snapshot.tables, &filling.tables)
}
