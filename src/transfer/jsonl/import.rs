//! `jeton import`: loads an export into an empty database.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::{Map, Value as Json};

use super::reader::JsonLinesReader;
use crate::core::error::{Code, Error};
use crate::infra::db::Db;
use crate::transfer::bulk_load::BulkLoad;
use crate::transfer::complete::OF_SERVERS;
use crate::transfer::copy::TransferReport;
use crate::transfer::line::{End, FORMAT, Header, MAX_HEAD, MAX_LINE, ReadLine, VERSION};
use crate::transfer::table::Table;
use crate::transfer::value::{Row, Value};
use crate::transfer::{Progress, ProgressUpdate};

/// Maximum rows and bytes of an inserted batch.
const BATCH_ROWS: usize = 1000;
const BATCH_BYTES: usize = 4 << 20;

/// Loads an export into an empty database. `origin` describes the source in error messages.
///
/// # Errors
/// INVALID_INPUT that names the line and what is wrong with it, or if the file is truncated; CONFLICT if the database
/// is not empty, or the loaded rows differ. A database that was partly loaded stays marked as not complete.
pub async fn import(
    to: &Db,
    input: &mut (dyn BufRead + Send),
    origin: &str,
    progress: &Progress,
) -> Result<TransferReport, Error> {
    let mut lines = JsonLinesReader::new(input);
    let first = lines.next(MAX_HEAD)?.unwrap_or_default();
    let head: Header =
        serde_json::from_slice(&first).map_err(|_| lines.wrong("it is not the beginning of an export"))?;
    if (head.format.as_str(), head.version) != (FORMAT, VERSION) {
        return Err(lines.wrong("it is an export of another format or version than this program reads"));
    }
    let filling = BulkLoad::begin(to.clone(), origin).await?;
    check_head(&head, &filling.tables)?;
    let total = head.tables.values().map(|table| table.rows).fold(0, u64::saturating_add);
    let (mut moved, mut done, mut batch) = (TransferReport::new(), 0, Batch::default());
    let mut omitted: BTreeMap<String, u64> = BTreeMap::new();
    let end = loop {
        let Some(line) = lines.next(MAX_LINE)? else {
            return Err(lines.wrong("the file is cut off: its last line is missing"));
        };
        let line: ReadLine<'_> = serde_json::from_slice(&line).map_err(|error| lines.wrong(&error.to_string()))?;
        let (name, row) = match line {
            ReadLine { table: Some(name), row: Some(row), end: None } => (name, row),
            ReadLine { table: None, row: None, end: Some(end) } => {
                break End::parse(end).map_err(|why| lines.wrong(&why))?;
            }
            _ => return Err(lines.wrong("it is neither a row nor the end")),
        };
        done += 1;
        // Exports of earlier versions contain these tables.
        if OF_SERVERS.contains(&name.as_str()) {
            *omitted.entry(name).or_default() += 1;
            continue;
        }
        let table = filling.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| lines.wrong("there is no such table"))?;
        let row = cells(table, row.0).map_err(|why| lines.wrong(&why))?;
        moved.entry(name).or_default().add(&row);
        if batch.table != table.name || batch.is_full() {
            batch.insert(&filling).await?;
            batch.table.clone_from(&table.name);
            progress(ProgressUpdate { what: &table.name, done, total });
        }
        batch.push(row);
    };
    batch.insert(&filling).await?;
    if lines.next(MAX_HEAD)?.is_some() {
        return Err(lines.wrong("there is something after the end"));
    }
    check_end(&head, &end, &moved, &omitted).map_err(|why| lines.wrong(&why))?;
    let mut sequences = Vec::new();
    for table in filling.with_sequences().await? {
        let highest = end.sequences.get(&table);
        let highest = highest.ok_or_else(|| lines.wrong(&format!("the end lacks the highest id of {table}")))?;
        sequences.push((table, *highest));
    }
    filling.finish(&moved, sequences, progress).await?;
    Ok(moved)
}

/// Compares the rows of each table with the first and the last line of the file; returns what is wrong with it.
fn check_end(head: &Header, end: &End, moved: &TransferReport, omitted: &BTreeMap<String, u64>) -> Result<(), String> {
    if let Some(unknown) = end.tables.keys().find(|name| !head.tables.contains_key(*name)) {
        return Err(format!("the end names a table that the beginning does not: {unknown}"));
    }
    for (name, expected) in &head.tables {
        let Some(table) = end.tables.get(name) else {
            return Err(format!("the file is incomplete: its end does not count the rows of {name}"));
        };
        let came = moved.get(name).copied().unwrap_or_default();
        let is_omitted = OF_SERVERS.contains(&name.as_str());
        let rows = if is_omitted { omitted.get(name).copied().unwrap_or_default() } else { came.rows };
        if rows != table.rows || (!is_omitted && came.checksum() != table.checksum) {
            return Err(format!("the rows of {name} are not those that were exported"));
        }
        if rows != expected.rows {
            return Err(format!("the beginning counts {} rows of {name}, but the file has {rows}", expected.rows));
        }
    }
    Ok(())
}

fn check_head(head: &Header, tables: &[Table]) -> Result<(), Error> {
    let own: BTreeMap<_, _> = tables
        .iter()
        .map(|table| (&table.name, table.columns.iter().map(|column| &column.name).collect::<Vec<_>>()))
        .collect();
    let moved = head.tables.iter().filter(|(name, _)| !OF_SERVERS.contains(&name.as_str()));
    let there: BTreeMap<_, _> = moved.map(|(name, table)| (name, table.columns.iter().collect::<Vec<_>>())).collect();
    if own == there {
        return Ok(());
    }
    let message =
        "the export is of another version of Jeton: it has other tables or columns; import it with that version";
    Err(Error::new(Code::InvalidInput, message))
}

/// Returns the row of a line in the order of the table's columns; or what is wrong with it.
fn cells(table: &Table, mut row: Map<String, Json>) -> Result<Row, String> {
    let mut cells = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let value = row.remove(&column.name).ok_or_else(|| format!("{}.{} is missing", table.name, column.name))?;
        let cell = Value::of_json(value, column.kind);
        cells.push(cell.ok_or_else(|| format!("{}.{} has a value of another kind", table.name, column.name))?);
    }
    match row.keys().next() {
        None => Ok(cells),
        Some(unknown) => Err(format!("{} has no column {unknown}", table.name)),
    }
}

/// A batch of rows of one table.
#[derive(Default)]
struct Batch {
    table: String,
    rows: Vec<Row>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, row: Row) {
        self.bytes += row.iter().map(Value::weight).sum::<usize>();
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    async fn insert(&mut self, filling: &BulkLoad) -> Result<(), Error> {
        self.bytes = 0;
        match std::mem::take(&mut self.rows) {
            rows if rows.is_empty() => Ok(()),
            rows => filling.insert(&self.table, rows).await,
        }
    }
}
