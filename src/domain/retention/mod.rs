//! Data retention: rows older than their retention period are deleted, or anonymized if something has to stay.
//!
//! One of the servers runs it periodically (see [`claim`]). Rows are removed in small batches, each in a transaction of
//! its own, so that no message waits long for one; an aborted run has lost nothing, and the next one continues with the
//! rest. Each module selects its own rows to remove, and rechecks them in the transaction that removes them. No amount
//! of the ledger is changed, so balances stay the same.

mod claim;

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Asterisk, Expr, Func, Order, Query, SelectStatement};
use sea_orm::{EntityTrait, FromQueryResult, QuerySelect, QueryTrait, Select, StatementBuilder};

use self::claim::Claim;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::{audit, ledger};
use crate::infra::config::RetentionPeriod;
use crate::infra::db::Txn;
use crate::infra::entity::{audit_event, chat, conversation, ledger_entry, session};

/// The job's name in the database.
const JOB: &str = "retention";
/// Rows removed in one transaction.
const BATCH: usize = 200;
/// Rows selected by one query.
const CHECK_INTERVAL: u64 = 5000;
/// Interval at which a server checks whether a run is due.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// The maximum pause between two batches; a pause is as long as the batch before it, so that retention takes at most
/// half of the time.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A kind of data with a retention period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Finished chats.
    Chats,
    /// Conversations without chats.
    Conversations,
    /// Sessions that have ended.
    Sessions,
    /// Events of the audit trail.
    AuditEvents,
    /// The notes and idempotency keys in ledger entries of deleted users.
    LedgerNotes,
    /// The names of deleted users, and texts about them, in the audit trail.
    AuditNames,
}

impl Target {
    /// All targets in the order of removal: a conversation after its chats.
    const ALL: [Self; 6] =
        [Self::Chats, Self::Conversations, Self::Sessions, Self::AuditEvents, Self::LedgerNotes, Self::AuditNames];

    /// Returns the name for logs, metrics and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chats => "chats",
            Self::Conversations => "conversations",
            Self::Sessions => "ended sessions",
            Self::AuditEvents => "audit events",
            Self::LedgerNotes => "ledger notes of deleted users",
            Self::AuditNames => "audit names of deleted users",
        }
    }

    fn keep(self, app: &App) -> RetentionPeriod {
        let retention = &app.config.retention;
        match self {
            Self::Chats | Self::Conversations => retention.chats,
            Self::Sessions => retention.ended_sessions,
            Self::AuditEvents => retention.audit_events,
            Self::LedgerNotes | Self::AuditNames => retention.deleted_users,
        }
    }

    /// Returns the time before which rows are removed; `None` if they are kept forever.
    async fn before(self, app: &App) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(before) = self.keep(app).before(app.clock.now()) else { return Ok(None) };
        if self != Self::Chats {
            return Ok(Some(before));
        }
        // Chats not yet counted in the usage statistics would never be counted.
        Ok(crate::domain::chat::usage::counted_until(app).await?.map(|counted| counted.min(before)))
    }

    /// Returns the query of the ids to remove.
    fn due(self, before: DateTime<Utc>) -> SelectStatement {
        match self {
            Self::Chats => ids(crate::domain::chat::retention::chats(before), chat::Column::Id),
            Self::Conversations => ids(crate::domain::chat::retention::conversations(before), conversation::Column::Id),
            Self::Sessions => ids(crate::domain::session::retention::ended(before), session::Column::Id),
            Self::AuditEvents => ids(audit::old(before), audit_event::Column::Id),
            Self::LedgerNotes => ids(ledger::retention::notes(before), ledger_entry::Column::Id),
            Self::AuditNames => ids(audit::named(ledger::retention::gone(before)), audit_event::Column::Id),
        }
    }

    /// Returns the number of rows to remove.
    async fn count(self, app: &App, before: DateTime<Utc>) -> Result<u64, Error> {
        let count = Func::count(Expr::col(Asterisk));
        let count = Query::select().expr_as(count, "number").from_subquery(self.due(before), "due").take();
        Ok(numbers(app, &count).await?.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// Returns the first ids to remove.
    async fn find(self, app: &App, before: DateTime<Utc>) -> Result<Vec<i64>, Error> {
        numbers(app, self.due(before).order_by("number", Order::Asc).limit(CHECK_INTERVAL)).await
    }

    /// Removes those of the rows that may still be removed.
    async fn remove(self, txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
        match self {
            Self::Chats => crate::domain::chat::retention::delete_chats(txn, ids, before).await,
            Self::Conversations => crate::domain::chat::retention::delete_conversations(txn, ids, before).await,
            Self::Sessions => crate::domain::session::retention::delete(txn, ids, before).await,
            Self::AuditEvents => audit::delete_old(txn, ids, before).await,
            Self::LedgerNotes => ledger::retention::erase_notes(txn, ids).await,
            Self::AuditNames => audit::erase_names(txn, ids, ledger::retention::gone(before)).await,
        }
    }
}

fn ids<E: EntityTrait>(of: Select<E>, id: E::Column) -> SelectStatement {
    of.select_only().column_as(id, "number").into_query()
}

async fn numbers(app: &App, query: &SelectStatement) -> Result<Vec<i64>, Error> {
    #[derive(FromQueryResult)]
    struct Row {
        number: i64,
    }
    let db = app.db.read();
    let rows = Row::find_by_statement(StatementBuilder::build(query, &db.get_database_backend())).all(db).await?;
    Ok(rows.into_iter().map(|row| row.number).collect())
}

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
    crate::domain::chat::usage::count_days(app).await?;
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
    let every = TimeDelta::from_std(app.config.retention.interval).unwrap_or(TimeDelta::MAX);
    let last = app.clock.now().checked_sub_signed(every).unwrap_or(DateTime::<Utc>::MIN_UTC);
    run_unless_done(app, Some(last)).await
}

async fn run_unless_done(app: &App, not_since: Option<DateTime<Utc>>) -> Result<RunOutcome, Error> {
    let Some(claim) = Claim::take(app, JOB, not_since).await? else { return Ok(RunOutcome::NotNow) };
    let removed = remove_all(app, &claim).await;
    let is_done = matches!(removed, Ok((_, true)));
    claim.give_back(app, is_done).await?;
    let (removed, is_done) = removed?;
    Ok(if is_done { RunOutcome::Done(removed) } else { RunOutcome::Stopped(removed) })
}

/// Returns the number of rows removed per target, and whether all were.
async fn remove_all(app: &App, claim: &Claim) -> Result<(Vec<(Target, u64)>, bool), Error> {
    crate::domain::chat::usage::count_days(app).await?;
    let mut removed = Vec::new();
    for what in Target::ALL {
        let Some(before) = what.before(app).await? else { continue };
        let mut count = 0;
        while !app.stopping.is_cancelled() {
            let found = what.find(app, before).await?;
            let gone = remove(app, claim, what, &found, before).await?;
            count += gone;
            // Rows that were selected but not removed, since they are in use again, would be selected in each
            // iteration.
            if gone == 0 {
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
