//! Usage statistics, for staff.

use async_graphql::{Context, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::types::{Overview, Spender, UsageDay};
use crate::domain::chat::usage;

/// Default of the argument `days` of an overview.
pub(in super::super) const DEFAULT_DAYS: i32 = 30;
/// Default of the argument `first` of the top spenders.
pub(in super::super) const DEFAULT_SPENDERS: i32 = 10;

#[derive(Default)]
pub(super) struct UsageQuery;

#[Object]
impl UsageQuery {
    /// Daily usage of the last days, today included, oldest first. For staff.
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of days (1–366, default 30).")] days: Option<i32>,
    ) -> Result<Option<Vec<UsageDay>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let used = usage::by_day(app, viewer.require_staff()?, days.unwrap_or(DEFAULT_DAYS)).await?;
        Ok(Some(used.into_iter().map(UsageDay::from).collect()))
    }

    /// The users who spent the most tokens in the last days, today included. For staff.
    async fn top_spenders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of days (1–366, default 30).")] days: Option<i32>,
        #[graphql(desc = "Returns the first *n* users (1–100, default 10).")] first: Option<i32>,
    ) -> Result<Option<Vec<Spender>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let spent = usage::top_spenders(
            app,
            viewer.require_staff()?,
            days.unwrap_or(DEFAULT_DAYS),
            first.unwrap_or(DEFAULT_SPENDERS),
        )
        .await?;
        Ok(Some(spent.into_iter().map(Spender).collect()))
    }

    /// The overview of a period, with the totals of the period before it. For staff.
    async fn overview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day: the day in UTC of this time.")] since: DateTime<Utc>,
        #[graphql(
            desc = "The end, exclusive, rounded up to the end of its day in UTC. At most 366 days after the first day."
        )]
        until: DateTime<Utc>,
    ) -> Result<Option<Overview>> {
        let (_, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        Ok(Some(Overview::new(staff, usage::Period::new(since, until)?)))
    }

    /// The number of chats in progress on all servers. For staff.
    async fn open_turns(&self, ctx: &Context<'_>) -> Result<Option<u64>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(usage::open_turns(app, viewer.require_staff()?).await?))
    }
}
