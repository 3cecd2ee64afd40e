//! The claim on a job: of several servers, the one named in the job's row runs it. Each write of the job renews the
//! claim in its own transaction, so a run that lost its claim but is still alive writes nothing any more.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::infra::db::Txn;
use crate::infra::entity::job_lease::{self, Column};

/// The lease of a claim: a run that does not renew it for this long counts as dead.
const LEASE: TimeDelta = TimeDelta::minutes(1);

/// The exclusive right to run a job, until it is released or expires.
#[derive(Clone)]
pub struct Claim {
    job: &'static str,
    holder: String,
}

impl Claim {
    /// Claims a job that is not claimed, and was not completed since `not_since`; `None` if it cannot be claimed.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn take(app: &App, job: &'static str, not_since: Option<DateTime<Utc>>) -> Result<Option<Self>, Error> {
        let claim = Self { job, holder: app.random.hex128() };
        let taken = app.db.write((claim.clone(), app.clock.now(), not_since), |txn, (claim, now, not_since)| {
            Box::pin(claim.take_in(txn, *now, *not_since))
        });
        Ok(taken.await?.then_some(claim))
    }

    async fn take_in(&self, txn: &Txn, now: DateTime<Utc>, not_since: Option<DateTime<Utc>>) -> Result<bool, Error> {
        let new = job_lease::ActiveModel {
            name: Set(self.job.to_owned()),
            holder: NotSet,
            claimed_until: NotSet,
            last_run_at: NotSet,
        };
        let known = OnConflict::column(Column::Name).do_nothing().to_owned();
        job_lease::Entity::insert(new).on_conflict(known).exec_without_returning(txn).await?;
        let free = Condition::any().add(Column::ClaimedUntil.is_null()).add(Column::ClaimedUntil.lte(now));
        let mut update = job_lease::Entity::update_many()
            .col_expr(Column::Holder, Expr::value(self.holder.as_str()))
            .col_expr(Column::ClaimedUntil, Expr::value(now + LEASE))
            .filter(Column::Name.eq(self.job))
            .filter(free);
        if let Some(since) = not_since {
            update = update.filter(Condition::any().add(Column::LastRunAt.is_null()).add(Column::LastRunAt.lte(since)));
        }
        Ok(update.exec(txn).await?.rows_affected == 1)
    }

    /// Renews the claim, in the transaction of the job's writes.
    ///
    /// # Errors
    /// CONFLICT if another server has claimed the job.
    pub async fn renew(&self, txn: &Txn, now: DateTime<Utc>) -> Result<(), Error> {
        let renewed = self.own().col_expr(Column::ClaimedUntil, Expr::value(now + LEASE)).exec(txn).await?;
        if renewed.rows_affected == 1 {
            return Ok(());
        }
        Err(Error::new(Code::Conflict, format!("The job \"{}\" was taken over by another server.", self.job)))
    }

    /// Releases the claim, with the job done or left for another server to continue.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn release(self, app: &App, done: bool) -> Result<(), Error> {
        let now = app.clock.now();
        app.db
            .write((self, done, now), |txn, (claim, done, now)| {
                Box::pin(async move {
                    let mut update = claim
                        .own()
                        .col_expr(Column::Holder, Expr::value(None::<String>))
                        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>));
                    if *done {
                        update = update.col_expr(Column::LastRunAt, Expr::value(*now));
                    }
                    update.exec(txn).await?;
                    Ok(())
                })
            })
            .await
    }

    fn own(&self) -> sea_orm::UpdateMany<job_lease::Entity> {
        job_lease::Entity::update_many().filter(Column::Name.eq(self.job)).filter(Column::Holder.eq(&self.holder))
    }
}
