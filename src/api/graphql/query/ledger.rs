//! Balances and ledger entries: the viewer's own and, for staff, those of all users.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{self, Balance, ConnectionOf, LedgerEntry, Spending, page};
use crate::core::ids::UserId;
use crate::core::pagination::TimeRange;
use crate::domain::ledger;
use crate::infra::entity::ledger_entry::Reason;

#[derive(Default)]
pub(super) struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// Your balance.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Option<Balance>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(ledger::balance(&app.db, viewer.require_read()?.id).await?.into()))
    }

    /// What you have spent.
    async fn spending(&self, ctx: &Context<'_>) -> Result<Option<Spending>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(ledger::spending(&app.db, viewer.require_read()?, app.clock.now()).await?.into()))
    }

    /// Your ledger entries, newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only ledger entries with one of these reasons.")] reasons: Option<Vec<Reason>>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter = ledger::EntryFilter::own(viewer.require_read()?, reasons, TimeRange { since, until });
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }

    /// The ledger entries of all users, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the ledger entries of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Returns only ledger entries with one of these reasons.")] reasons: Option<Vec<Reason>>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let user_id = user_id.map(|id| UserId::parse(&id)).transpose()?;
        let filter = ledger::EntryFilter::all(staff, reasons, user_id, TimeRange { since, until });
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }
}
