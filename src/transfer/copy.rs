//! `jeton copy`: a whole database into an empty one, from SQLite to PostgreSQL or the other way.

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

/// What was moved: the rows of each table and their checksum, the same on both sides.
pub type TransferReport = BTreeMap<String, TableChecksum>;

/// Copies everything that is there at this moment, and compares it at the end. `origin` says for people where from.
///
/// # Errors
/// CONFLICT where the source is not complete or of another version, or disagrees with its ledger, where the target is not
/// empty or a server uses it, or where what arrived differs or can't be served; the target says from then on that it is not
/// complete.
pub async fn copy(from: &Db, to: &Db, origin: &str, progress: &Progress) -> Result<TransferReport, Error> {
    let about = |side: &str, error: Error| Error::new(error.code, format!("the {side} of the copy")).with_source(error);
    let snapshot = Snapshot::begin(from).await.map_err(|error| about("source", error))?;
    check_complete(from).await.map_err(|error| about("source", error))?;
    // A copy of something that is wrong is as wrong.
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

/// The tables of a database, as [`copy`] moves them.
///
/// # Errors
/// INTERNAL where the database can't be read, or has a column of a type that can't be moved.
pub async fn tables(db: &Db) -> Result<Vec<String>, Error> {
    Ok(Snapshot::begin(db).await?.tables.into_iter().map(|table| table.name).collect())
}
