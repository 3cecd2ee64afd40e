//! `jeton backup` and `jeton restore`: backs up the SQLite database as one file, and restores it. PostgreSQL has its
//! own tools for that, which the errors name.

use std::path::PathBuf;

use super::output;
use super::transfer::keep_the_key;
use crate::app::App;
use crate::core::clock::Clock;
use crate::core::error::{Code, Error};
use crate::infra::config::Config;
use crate::infra::db::sqlite_file;
use crate::transfer;

/// Arguments of `jeton backup`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct BackupArgs {
    /// The file to create; it must not exist
    file: PathBuf,
}

/// Arguments of `jeton restore`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct RestoreArgs {
    /// A file that `backup` created; it is opened read-only
    file: PathBuf,
    /// Replace an existing database, which is kept under another name
    #[arg(long)]
    replace: bool,
}

pub(super) async fn backup(app: &App, args: BackupArgs) -> Result<(), Error> {
    let size = transfer::backup(&app.db, &args.file).await?;
    output::print(&format!("{}: {size} bytes\n", output::path(&args.file)))?;
    keep_the_key(&app.config())
}

pub(super) async fn restore(config: &Config, args: RestoreArgs) -> Result<(), Error> {
    let Some(target) = sqlite_file(&config.database_url()) else {
        let message = format!(
            "PostgreSQL is restored with its own tool: pg_restore --no-owner --dbname=DATABASE {}",
            args.file.display()
        );
        return Err(Error::new(Code::InvalidInput, message));
    };
    let kept_as = Clock::system().now().format("before-restore-%Y%m%d-%H%M%S").to_string();
    let before = transfer::restore(&args.file, &target, args.replace, &kept_as).await?;
    if let Some(before) = before {
        output::print(&format!("the previous database is kept as {}\n", output::path(&before)))?;
    }
    let (placed, from) = (output::path(&target), output::path(&args.file));
    output::print(&format!("restored {placed} from {from}; its ledger is clean\n"))?;
    match crate::infra::secrets::file(config) {
        Some(key) if !key.exists() => output::print(&format!(
            "The signing key is missing: put {} back before the server starts, or API keys become invalid.\n",
            output::path(&key)
        )),
        _ => Ok(()),
    }
}
