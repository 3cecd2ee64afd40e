//! Filling an empty database. Until it has ended, the database says that it is not complete, and nothing serves it.

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
use crate::infra::entity::{cluster_member, pending_load};

/// Values in one statement. SQLite takes 32766 of them.
const MOST_VALUES: usize = 30_000;

/// A filling that goes on.
pub(super) struct BulkLoad {
    db: Db,
    pub(super) tables: Vec<Table>,
}

impl BulkLoad {
    /// Begins to fill a database, whose schema is made where there is none.
    ///
    /// # Errors
    /// CONFLICT where there is something in it already.
    pub(super) async fn begin(db: Db, origin: &str) -> Result<Self, Error> {
        db.migrate().await?;
        check_complete(&db).await?;
        let Snapshot { tables, counts, .. } = Snapshot::begin(&db).await?;
        if let Some(server) = cluster_member::Entity::find().one(db.read()).await? {
            let message = format!(
                "a server uses the target, or was killed there: {} since {}; give a new database",
                server.address,
                server.started_at.format("%F %T UTC")
            );
            return Err(Error::new(Code::Conflict, message));
        }
        let full = tables.iter().zip(&counts).find(|(_, count)| **count > 0);
        if let Some((table, count)) = full {
            let message = format!("the target is not empty: {} has {count} rows; give a new database", table.name);
            return Err(Error::new(Code::Conflict, message));
        }
        let mark = (origin.to_owned(), Clock::system().now());
        db.write(mark, |txn, (origin, at)| {
            Box::pin(async move {
                let mark = pending_load::ActiveModel { id: Set(1), origin: Set(origin.clone()), began_at: Set(*at) };
                mark.insert(txn).await?;
                Ok(())
            })
        })
        .await?;
        Ok(Self { db, tables })
    }

    /// Inserts rows of the table of this name.
    ///
    /// # Errors
    /// INVALID_INPUT where PostgreSQL can't store a text; INTERNAL where the database refuses a row.
    pub(super) async fn insert(&self, table: &str, rows: Vec<Row>) -> Result<(), Error> {
        let table = self.tables.iter().find(|own| own.name == table);
        let table = table.ok_or_else(|| Error::internal("a table is missing"))?.clone();
        if self.db.read().get_database_backend() == DbBackend::Postgres {
            check_texts(&table, &rows)?;
        }
        self.db.write((table, rows), |txn, (table, rows)| Box::pin(insert(txn, table, rows))).await
    }

    /// The tables that give ids.
    ///
    /// # Errors
    /// INTERNAL where the database can't be read.
    pub(super) async fn with_sequences(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for table in &self.tables {
            if id_sequence::last(self.db.read(), &table.name).await?.is_some() {
                found.push(table.name.clone());
            }
        }
        Ok(found)
    }

    /// Compares what is there with what was to come, takes over the counters, checks that all of it can be served, and
    /// only then says that the database is complete.
    ///
    /// # Errors
    /// CONFLICT where something is missing, different or wrong; the database stays incomplete then.
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
                    "{} differs: {} rows with the checksum {} were to come, and {} with {} are there",
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
        // PostgreSQL plans the first queries well by this. What came to SQLite against the order of ids took more room than
        // it needs.
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

/// Whether a database is complete: not in the middle of being filled, nor left there.
///
/// # Errors
/// CONFLICT where it is not.
pub async fn check_complete(db: &Db) -> Result<(), Error> {
    let Some(mark) = pending_load::Entity::find().one(db.read()).await? else { return Ok(()) };
    let message = format!(
        "this database is not complete: filling it from {} began at {} and has not ended; remove it and fill a new one",
        mark.origin,
        mark.began_at.format("%F %T UTC")
    );
    Err(Error::new(Code::Conflict, message))
}

/// PostgreSQL stores no null characters.
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
            query.values(values).map_err(Error::internal)?;
        }
        let failed = |error: sea_orm::DbErr| {
            Error::new(Code::Internal, format!("rows of {} were refused", table.name)).with_source(error)
        };
        txn.execute_raw(StatementBuilder::build(&query, &txn.get_database_backend())).await.map_err(failed)?;
    }
    Ok(())
}

/// Whether two databases have the same tables.
///
/// # Errors
/// CONFLICT that names the difference.
pub(super) fn check_alike(snapshot: &Snapshot, filling: &BulkLoad) -> Result<(), Error> {
    table::check_alike(&snapshot.tables, &filling.tables)
}
