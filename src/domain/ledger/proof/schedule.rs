//! Checkpoints on a schedule: one of the servers writes them into its data directory.

use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::NamedTempFile;

use super::checkpoint;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::private_files;
use crate::domain::job::Claim;
use crate::infra::secrets::Secrets;

/// The job's name in the database.
const JOB: &str = "checkpoint";
/// The directory in the data directory.
const DIRECTORY: &str = "checkpoints";
/// Interval at which a server checks whether a checkpoint is due.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Writes a checkpoint whenever one is due, until the server stops.
pub async fn run_scheduler(app: App) {
    while !app.config().ledger.checkpoint_interval.is_zero() && !app.stopping.is_cancelled() {
        match write_if_due(&app).await {
            Ok(Some(file)) => tracing::info!(file = %file.display(), "checkpoint of the ledger written"),
            Ok(None) => {}
            Err(error) if error.code == Code::Conflict => {
                tracing::warn!(?error, "checkpoint of the ledger is written by another server");
            }
            Err(error) => tracing::error!(?error, "checkpoint of the ledger failed"),
        }
        app.stopping.run_until_cancelled(tokio::time::sleep(RETRY_INTERVAL)).await;
    }
}

/// Writes a checkpoint, unless a server has written one within the configured interval. Returns the file.
///
/// # Errors
/// INTERNAL if the database can't be read, or the file can't be written.
pub async fn write_if_due(app: &App) -> Result<Option<PathBuf>, Error> {
    let every = TimeDelta::from_std(app.config().ledger.checkpoint_interval).unwrap_or(TimeDelta::MAX);
    let last = app.clock.now().checked_sub_signed(every).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let Some(claim) = Claim::take(app, JOB, Some(last)).await? else { return Ok(None) };
    let written = write(app).await;
    claim.release(app, written.is_ok()).await?;
    written.map(Some)
}

async fn write(app: &App) -> Result<PathBuf, Error> {
    let (directory, now) = (app.config().data.dir.join(DIRECTORY), app.clock.now());
    let failed = |error: std::io::Error| {
        Error::internal(format!("cannot write a checkpoint into {}: {error}", directory.display()))
    };
    let signer = Secrets::open(&app.config(), &app.random)?.ledger_signer()?;
    private_files::create_dir(&directory).map_err(failed)?;
    // It gets its name once it is complete.
    let file = NamedTempFile::new_in(&directory).map_err(failed)?;
    checkpoint::write(&app.db, &signer, now, &mut BufWriter::new(file.as_file())).await?;
    file.as_file().sync_all().map_err(failed)?;
    let path = directory.join(format!("ledger-{}.jsonl", now.format("%Y%m%dT%H%M%S%.6fZ")));
    file.persist_noclobber(&path).map_err(|error| failed(error.error))?;
    Ok(path)
}
