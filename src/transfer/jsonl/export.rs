//! `jeton export`: a snapshot of a database as JSON Lines.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::pin::pin;

use futures::TryStreamExt;
use serde::Serialize;

use crate::core::error::{Code, Error};
use crate::infra::db::Db;
use crate::transfer::bulk_load::check_complete;
use crate::transfer::copy::TransferReport;
use crate::transfer::draft::{Draft, there};
use crate::transfer::line::{End, EndTable, FORMAT, HeadTable, Header, Line, MAX_LINE, VERSION};
use crate::transfer::snapshot::Snapshot;
use crate::transfer::value::TableChecksum;
use crate::transfer::{Progress, ProgressUpdate};

/// Writes a snapshot of the database as JSON Lines.
///
/// # Errors
/// CONFLICT if the database is not complete or has another schema version; INTERNAL if it can't be read, or `out` can't
/// be written.
pub async fn export(from: &Db, out: &mut (dyn Write + Send), progress: &Progress) -> Result<TransferReport, Error> {
    check_complete(from).await?;
    let snapshot = Snapshot::begin(from).await?;
    let described = snapshot.tables.iter().zip(&snapshot.counts).map(|(table, rows)| {
        let columns = table.columns.iter().map(|column| column.name.clone()).collect();
        (table.name.clone(), HeadTable { rows: *rows, columns })
    });
    write(out, &Header { format: FORMAT.to_owned(), version: VERSION, tables: described.collect() })?;
    let (mut moved, mut done) = (TransferReport::new(), 0);
    for table in &snapshot.tables {
        let mut sum = TableChecksum::default();
        let mut batches = pin!(snapshot.rows(table));
        while let Some(rows) = batches.try_next().await? {
            done += rows.len() as u64;
            for row in rows {
                sum.add(&row);
                let cells = table.columns.iter().zip(&row).map(|(column, cell)| (column.name.clone(), cell.json()));
                write(out, &Line { table: Some(table.name.clone()), row: Some(cells.collect()), end: None })?;
            }
            progress(ProgressUpdate { what: &table.name, done, total: snapshot.total() });
        }
        moved.insert(table.name.clone(), sum);
    }
    let tables = moved.iter().map(|(name, sum)| (name.clone(), EndTable { rows: sum.rows, checksum: sum.checksum() }));
    let end = End { tables: tables.collect(), sequences: snapshot.sequences().await?.into_iter().collect() };
    write(out, &Line { table: None, row: None, end: Some(end) })?;
    out.flush().map_err(|error| Error::internal(error))?;
    Ok(moved)
}

/// Writes a snapshot of the database into a new file, which gets its name once it is complete and synced to disk.
///
/// # Errors
/// As [`export`]; CONFLICT if the file exists.
pub async fn export_to(from: &Db, file: &Path, progress: &Progress) -> Result<TransferReport, Error> {
    if file.exists() {
        return Err(there(file));
    }
    let draft = Draft::new(file)?;
    let moved = export(from, &mut BufWriter::new(draft.as_file()), progress).await?;
    draft.place(file)?;
    Ok(moved)
}

fn write(out: &mut (dyn Write + Send), line: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec(line).map_err(|error| Error::internal(error))?;
    text.push(b'\n');
    if text.len() as u64 > MAX_LINE {
        let message = format!("a row is longer than {MAX_LINE} bytes, and no import would read it");
        return Err(Error::new(Code::Conflict, message));
    }
    out.write_all(&text).map_err(|error| Error::internal(error))
}
