//! Retention: what has been kept for long enough is deleted, or made anonymous where something has to stay.
//!
//! One of the servers does it, now and then (see [`claim`]). Rows go a few at a time, each batch in a transaction of its
//! own, so that nobody's message waits for long; a run that breaks off anywhere has lost nothing, and the next one goes on
//! with what is left. What may go, and that it may still go when it goes, each room knows for its own rows. No amount of
//! the ledger is touched, so balances stay what they are.

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
/// Rows that go in one transaction.
const BATCH: usize = 200;
/// Rows that are looked for at once.
const CHECK_INTERVAL: u64 = 5000;
/// How often a server looks whether it is time.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// The longest pause between two batches; they are as long as a batch, so that at most half of the time is taken.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Chats that have ended.
    Chats,
    /// Conversations without chats.
    Conversations,
    /// Sessions that have ended.
    Sessions,
    /// Events of the audit trail.
    AuditEvents,
    /// What was written into the ledger entries of users who are gone.
    LedgerNotes,
    /// The names of users who are gone, and what was written of them, in the audit trail.
    AuditNames,
}

impl Target {
    /// In the order in which they go: a conversation after its chats.
    const ALL: [Self; 6] =
        [Self::Chats, Self::Conversations, Self::Sessions, Self::AuditEvents, Self::LedgerNotes, Self::AuditNames];

    /// As it is written in the log, in metrics and for people.
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

    /// From when on it has been kept for long enough; nothing where it is kept for ever.
    async fn before(self, app: &App) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(before) = self.keep(app).before(app.clock.now()) else { return Ok(None) };
        if self != Self::Chats {
            return Ok(Some(before));
        }
        // What the overview has not counted yet would never count.
        Ok(crate::domain::chat::usage::counted_until(app).await?.map(|counted| counted.min(before)))
    }

    /// Their ids.
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

    /// How many there are.
    async fn count(self, app: &App, before: DateTime<Utc>) -> Result<u64, Error> {
        let count = Func::count(Expr::col(Asterisk));
        let count = Query::select().expr_as(count, "number").from_subquery(self.due(before), "due").take();
        Ok(numbers(app, &count).await?.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// The first of them.
    async fn find(self, app: &App, before: DateTime<Utc>) -> Result<Vec<i64>, Error> {
        numbers(app, self.due(before).order_by("number", Order::Asc).limit(CHECK_INTERVAL)).await
    }

    /// Removes those of them that still may go.
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

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// It was done to the end: what has gone, in the order in which it went.
    Done(Vec<(Target, u64)>),
    /// The server stops; the rest is for the next run.
    Stopped(Vec<(Target, u64)>),
    /// Another run is at it, or it is not time yet.
    NotNow,
}

/// Whether anything is ever to go.
pub fn is_configured(app: &App) -> bool {
    Target::ALL.into_iter().any(|what| what.keep(app).0.is_some())
}

/// What would go now.
///
/// # Errors
/// INTERNAL where the database fails.
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

/// Removes what has been kept for long enough, unless another run is at it.
///
/// # Errors
/// INTERNAL where the database fails, CONFLICT where another run took over; what has gone is gone, and the rest goes next
/// time.
pub async fn run(app: &App) -> Result<RunOutcome, Error> {
    run_unless_done(app, None).await
}

/// The same, unless it was done within the time between two runs.
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

/// What has gone, and whether that is all.
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
            // What was found and may not go after all, since something was said in it meanwhile, would be found again.
            if gone == 0 {
                break;
            }
        }
        if count > 0 {
            tracing::info!(what = what.name(), count, "kept for long enough, and removed");
            app.metrics.removed(what.name(), count);
        }
        removed.push((what, count));
        if app.stopping.is_cancelled() {
            return Ok((removed, false));
        }
    }
    Ok((removed, true))
}

/// Removes these, batch by batch; how many have gone.
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

/// Does it whenever it is time, until the server stops.
pub async fn run_scheduler(app: App) {
    while is_configured(&app) && !app.stopping.is_cancelled() {
        match run_if_due(&app).await {
            Ok(_) => {}
            Err(error) if error.code == Code::Conflict => tracing::warn!(?error, "retention goes on elsewhere"),
            Err(error) => tracing::error!(?error, "could not remove what was kept for long enough"),
        }
        app.stopping.run_until_cancelled(tokio::time::sleep(RETRY_INTERVAL)).await;
    }
}
