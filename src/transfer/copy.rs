//! `jeton copy`: copies a whole database into an empty one, from SQLite to PostgreSQL or vice versa.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::TryStreamExt;

use super::bulk_load::{BulkLoad, check_alike, check_complete};
use super::complete;
use super::snapshot::Snapshot;
use super::value::TableChecksum;
use super::{Progress, ProgressUpdate};
use crate::core::error::Error;
use crate::infra::db::Db;

/// The result of a transfer by table: row count and checksum, equal on both sides.
pub type TransferReport = BTreeMap<String, TableChecksum>;

/// Copies a snapshot of the source, and compares both sides at the end. `origin` describes the source in error
/// messages.
///
/// # Errors
/// CONFLICT if the source is not complete, has another schema version, or disagrees with its ledger; if the target is
/// not empty or a server uses it; or if the copied data differs or can't be served. In the last case the target stays
/// marked as not complete.
pub async fn copy(from: &Db, to: &Db, origin: &str, progress: &Progress) -> Result<TransferReport, Error> {
    let about = |side: &str, error: Error| Error::new(error.code, format!("the {side} of the copy")).with_source(error);
    let snapshot = Snapshot::begin(from).await.map_err(|error| about("source", error))?;
    check_complete(from).await.map_err(|error| about("source", error))?;
    // A copy of a wrong ledger is as wrong.
    complete::check_money(from).await.map_err(|error| about("source", error))?;
    let filling = BulkLoad::begin(to.clone(), origin).await?;
    check_alike(&snapshot, &filling)?;
    let (mut moved, mut done) = (TransferReport::new(), 0);
    for table in &snapshot.tables {
        let mut sum = TableChecksum::default();
        let mut batches = pin!(snapshot.rows(table));
        while let Some(rows) = batches.try_next().await? {
            rows.iter().for_each(|row| sum.add(row));
            done += rows.len() as u64;
            filling.insert(&table.name, rows).await?;
            progress(ProgressUpdate { what: &table.name, done, total: snapshot.total() });
        }
        moved.insert(table.name.clone(), sum);
    }
    let sequences = snapshot.sequences().await?;
    drop(snapshot);
    filling.finish(&moved, sequences, progress).await?;
    Ok(moved)
}

/// Returns the names of the tables that [`copy`] transfers.
///
/// # Errors
/// INTERNAL if the database can't be read, or has a column of an unsupported type.
pub async fn tables(db: &Db) -> Result<Vec<String>, Error> {
    Ok(Snapshot::begin(db).await?.tables.into_iter().map(|table| table.name).collect())
}
