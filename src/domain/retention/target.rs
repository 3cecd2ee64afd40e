//! The kinds of data with a retention period: what is due, and its removal by the module that owns it.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Asterisk, Expr, Func, Order, Query, SelectStatement};
use sea_orm::{EntityTrait, FromQueryResult, QuerySelect, QueryTrait, Select, StatementBuilder};

use crate::app::App;
use crate::core::error::Error;
use crate::domain::{audit, chat, ledger, session, webhook};
use crate::infra::config::RetentionPeriod;
use crate::infra::db::Txn;
use crate::infra::entity;

/// Rows selected by one query.
const CHECK_INTERVAL: u64 = 5000;

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
    /// Deliveries to webhooks.
    WebhookDeliveries,
}

impl Target {
    /// All targets in the order of removal: a conversation after its chats.
    pub(super) const ALL: [Self; 7] = [
        Self::Chats,
        Self::Conversations,
        Self::Sessions,
        Self::AuditEvents,
        Self::LedgerNotes,
        Self::AuditNames,
        Self::WebhookDeliveries,
    ];

    /// Returns the name for logs, metrics and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chats => "chats",
            Self::Conversations => "conversations",
            Self::Sessions => "ended sessions",
            Self::AuditEvents => "audit events",
            Self::LedgerNotes => "ledger notes of deleted users",
            Self::AuditNames => "audit names of deleted users",
            Self::WebhookDeliveries => "webhook deliveries",
        }
    }

    pub(super) fn keep(self, app: &App) -> RetentionPeriod {
        let retention = &app.config().retention;
        match self {
            Self::Chats | Self::Conversations => retention.chats,
            Self::Sessions => retention.ended_sessions,
            Self::AuditEvents => retention.audit_events,
            Self::LedgerNotes | Self::AuditNames => retention.deleted_users,
            Self::WebhookDeliveries => retention.webhook_deliveries,
        }
    }

    /// Returns the time before which rows are removed; `None` if they are kept forever.
    pub(super) async fn before(self, app: &App) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(before) = self.keep(app).before(app.clock.now()) else { return Ok(None) };
        if self != Self::Chats {
            return Ok(Some(before));
        }
        // Chats not yet counted in the usage statistics would never be counted.
        Ok(chat::usage::counted_until(app).await?.map(|counted| counted.min(before)))
    }

    /// Returns the query of the ids to remove.
    fn due(self, before: DateTime<Utc>) -> SelectStatement {
        match self {
            Self::Chats => ids(chat::retention::chats(before), entity::chat::Column::Id),
            Self::Conversations => ids(chat::retention::conversations(before), entity::conversation::Column::Id),
            Self::Sessions => ids(session::retention::ended(before), entity::session::Column::Id),
            Self::AuditEvents => ids(audit::old(before), entity::audit_event::Column::Id),
            Self::LedgerNotes => ids(ledger::retention::notes(before), entity::ledger_entry::Column::Id),
            Self::WebhookDeliveries => ids(webhook::old(before), entity::webhook_delivery::Column::Id),
            Self::AuditNames => {
                ids(audit::named(ledger::retention::deleted_users(before)), entity::audit_event::Column::Id)
            }
        }
    }

    /// Returns the number of rows to remove.
    pub(super) async fn count(self, app: &App, before: DateTime<Utc>) -> Result<u64, Error> {
        let count = Func::count(Expr::col(Asterisk));
        let count = Query::select().expr_as(count, "number").from_subquery(self.due(before), "due").take();
        Ok(numbers(app, &count).await?.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// Returns the first ids to remove.
    pub(super) async fn find(self, app: &App, before: DateTime<Utc>) -> Result<Vec<i64>, Error> {
        numbers(app, self.due(before).order_by("number", Order::Asc).limit(CHECK_INTERVAL)).await
    }

    /// Removes those of the rows that may still be removed.
    pub(super) async fn remove(self, txn: &Txn, ids: &[i64], before: DateTime<Utc>) -> Result<u64, Error> {
        match self {
            Self::Chats => chat::retention::delete_chats(txn, ids, before).await,
            Self::Conversations => chat::retention::delete_conversations(txn, ids, before).await,
            Self::Sessions => session::retention::delete(txn, ids, before).await,
            Self::AuditEvents => audit::delete_old(txn, ids, before).await,
            Self::LedgerNotes => ledger::retention::erase_notes(txn, ids).await,
            Self::WebhookDeliveries => webhook::delete_old(txn, ids, before).await,
            Self::AuditNames => audit::erase_names(txn, ids, ledger::retention::deleted_users(before)).await,
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
