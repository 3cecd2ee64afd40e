//! `jeton copy`, `jeton export`, `jeton import`: move all data into another database, or through a file.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, progress};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::input_file;
use crate::domain::ledger;
use crate::infra::config::{Config, without_credentials};
use crate::infra::db::{Db, sqlite_file};
use crate::transfer::{self, TransferReport};

/// Arguments of `jeton copy`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct CopyArgs {
    /// The database to copy, such as sqlite:///path/to/jeton.db; it is only read from
    #[arg(long, value_name = "URL")]
    from: String,
    /// An empty database, such as postgres://user:password@host/name; an SQLite file is created
    #[arg(long, value_name = "URL")]
    to: String,
}

/// Arguments of `jeton export`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ExportArgs {
    /// The file to write; `-` for standard output
    file: PathBuf,
}

/// Arguments of `jeton import`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ImportArgs {
    /// The file to read; `-` for standard input
    file: PathBuf,
}

pub(super) async fn copy(config: &Config, args: CopyArgs) -> Result<ExitCode, Error> {
    if let Some(path) = sqlite_file(&args.from).filter(|path| !path.exists()) {
        return Err(Error::new(Code::InvalidInput, format!("there is no database {}", path.display())));
    }
    if let Some(path) = sqlite_file(&args.from) {
        let cannot =
            |error| Error::new(Code::InvalidInput, format!("cannot open {}", path.display())).with_source(error);
        input_file::open(&path).map_err(cannot)?;
    }
    let shown = (without_credentials(&args.from), without_credentials(&args.to));
    let most = config.database.max_connections;
    let (from, to) = (connect(&args.from, &shown.0, most).await?, connect(&args.to, &shown.1, most).await?);
    let moved = transfer::copy(&from, &to, &shown.0, progress::shown().as_ref()).await?;
    output::print(&table(&moved))?;
    // Balances last, on both sides: a copy of a wrong ledger is as wrong, and the operator should see where it began.
    let mut clean = true;
    for (db, shown) in [(&from, &shown.0), (&to, &shown.1)] {
        let findings = ledger::verify(db).await?;
        clean &= findings.is_empty();
        let result =
            if findings.is_empty() { "ledger is clean".to_owned() } else { format!("{} findings", findings.len()) };
        output::print(&format!("{shown}: {result}\n"))?;
        output::print(&findings.iter().map(|finding| format!("  {finding}\n")).collect::<String>())?;
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn export(app: &App, args: ExportArgs) -> Result<(), Error> {
    let shown = progress::shown();
    if args.file == Path::new("-") {
        let mut out = BufWriter::new(std::io::stdout());
        transfer::export(&app.db, &mut out, shown.as_ref()).await?;
        return Ok(());
    }
    let moved = transfer::export_to(&app.db, &args.file, shown.as_ref()).await?;
    output::print(&table(&moved))?;
    keep_the_key(&app.config())
}

pub(super) async fn import(config: &Config, args: ImportArgs) -> Result<(), Error> {
    let url = config.database_url();
    let db = connect(&url, &config.shown_database_url(), config.database.max_connections).await?;
    let (origin, shown) = (args.file.display().to_string(), progress::shown());
    let moved = if args.file == Path::new("-") {
        transfer::import(&db, &mut BufReader::new(std::io::stdin()), "standard input", shown.as_ref()).await?
    } else {
        let file = input_file::open(&args.file);
        let cannot = |error| Error::new(Code::InvalidInput, format!("cannot open {origin}")).with_source(error);
        transfer::import(&db, &mut BufReader::new(file.map_err(cannot)?), &origin, shown.as_ref()).await?
    };
    let findings = ledger::verify(&db).await?;
    output::print(&table(&moved))?;
    match findings.first() {
        None => output::print(&format!("{}: ledger is clean\n", config.shown_database_url())),
        Some(first) => Err(Error::new(Code::Conflict, format!("{} findings in the ledger: {first}", findings.len()))),
    }
}

/// Prints a reminder that a backup or an export does not contain the signing key, which is needed in addition.
pub(super) fn keep_the_key(config: &Config) -> Result<(), Error> {
    let Some(key) = crate::infra::secrets::file(config) else { return Ok(()) };
    output::print(&format!(
        "The signing key is not in it: keep {} too, in another place. Without it API keys become invalid, and all \
         users must log in again.\n",
        output::path(&key)
    ))
}

async fn connect(url: &str, shown: &str, most: u32) -> Result<Db, Error> {
    let connected = Db::connect(url, most).await;
    connected.map_err(|error| Error::new(error.code, format!("cannot open {shown}")).with_source(error))
}

fn table(moved: &TransferReport) -> String {
    let rows: Vec<_> =
        moved.iter().map(|(name, sum)| vec![name.clone(), sum.rows.to_string(), sum.checksum()]).collect();
    output::table(&["TABLE", "ROWS", "CHECKSUM"], &rows)
}
