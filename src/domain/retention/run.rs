//! Runs of retention: which is due, and the batches of one.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::target::Target;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::chat;
use crate::domain::job::Claim;

/// The job's name in the database.
const JOB: &str = "retention";
/// Rows removed in one transaction.
const BATCH: usize = 200;
/// Interval at which a server checks whether a run is due.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// The maximum pause between two batches; a pause is as long as the batch before it, so that retention takes at most
/// half of the time.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Completed, with the number of rows removed per target, in the order of removal.
    Done(Vec<(Target, u64)>),
    /// Interrupted by the server's shutdown; the next run continues.
    Stopped(Vec<(Target, u64)>),
    /// Not run: another run is in progress, or none is due.
    NotNow,
}

/// Returns whether any retention period is configured.
pub fn is_configured(app: &App) -> bool {
    Target::ALL.into_iter().any(|what| what.keep(app).0.is_some())
}

/// Returns the number of rows that a run would remove now, per target.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn due(app: &App) -> Result<Vec<(Target, u64)>, Error> {
    chat::usage::count_days(app).await?;
    let mut due = Vec::new();
    for what in Target::ALL {
        if let Some(before) = what.before(app).await? {
            due.push((what, what.count(app, before).await?));
        }
    }
    Ok(due)
}

/// Removes all rows older than their retention period, unless another run is in progress.
///
/// # Errors
/// INTERNAL if the database fails, CONFLICT if another server took over; removed rows stay removed, and the next run
/// removes the rest.
pub async fn run(app: &App) -> Result<RunOutcome, Error> {
    run_unless_done(app, None).await
}

/// Does the same as [`run`], unless a run was completed within the configured interval.
///
/// # Errors
/// As [`run`].
pub async fn run_if_due(app: &App) -> Result<RunOutcome, Error> {
    let every = TimeDelta::from_std(app.config().retention.interval).unwrap_or(TimeDelta::MAX);
    let last = app.clock.now().checked_sub_signed(every).unwrap_or(DateTime::<Utc>::MIN_UTC);
    run_unless_done(app, Some(last)).await
}

/// Runs retention whenever it is due, until the server stops.
pub async fn run_scheduler(app: App) {
    while is_configured(&app) && !app.stopping.is_cancelled() {
        match run_if_due(&app).await {
            Ok(_) => {}
            Err(error) if error.code == Code::Conflict => {
                tracing::warn!(?error, "retention is running on another server");
            }
            Err(error) => tracing::error!(?error, "retention failed"),
        }
        app.stopping.run_until_cancelled(tokio::time::sleep(RETRY_INTERVAL)).await;
    }
}

async fn run_unless_done(app: &App, not_since: Option<DateTime<Utc>>) -> Result<RunOutcome, Error> {
    let Some(claim) = Claim::take(app, JOB, not_since).await? else { return Ok(RunOutcome::NotNow) };
    let removed = remove_all(app, &claim).await;
    let is_done = matches!(removed, Ok((_, true)));
    claim.release(app, is_done).await?;
    let (removed, is_done) = removed?;
    Ok(if is_done { RunOutcome::Done(removed) } else { RunOutcome::Stopped(removed) })
}

/// Returns the number of rows removed per target, and whether all were.
async fn remove_all(app: &App, claim: &Claim) -> Result<(Vec<(Target, u64)>, bool), Error> {
    chat::usage::count_days(app).await?;
    let mut removed = Vec::new();
    for what in Target::ALL {
        let Some(before) = what.before(app).await? else { continue };
        let mut count = 0;
        while !app.stopping.is_cancelled() {
            let found = what.find(app, before).await?;
            let deleted = remove(app, claim, what, &found, before).await?;
            count += deleted;
            // Rows that were selected but not removed, since they are in use again, would be selected in each
            // iteration.
            if deleted == 0 {
                break;
            }
        }
        if count > 0 {
            tracing::info!(what = what.name(), count, "retention removed rows");
            app.metrics.removed(what.name(), count);
        }
        removed.push((what, count));
        if app.stopping.is_cancelled() {
            return Ok((removed, false));
        }
    }
    Ok((removed, true))
}

/// Removes these rows in batches, and returns their number.
async fn remove(app: &App, claim: &Claim, what: Target, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
    let mut count = 0;
    for batch in ids.chunks(BATCH) {
        if app.stopping.is_cancelled() {
            break;
        }
        let (began, now) = (Instant::now(), app.clock.now());
        let work = (claim.clone(), batch.to_vec(), now);
        let removed = app.db.write(work, move |txn, (claim, ids, now)| {
            Box::pin(async move {
                claim.renew(txn, *now).await?;
                what.remove(txn, ids, before).await
            })
        });
        count += removed.await?;
        let pause = tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE));
        app.stopping.run_until_cancelled(pause).await;
    }
    Ok(count)
}
