//! Queries of ledger entries.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, Iterable, QueryFilter, Select};

use crate::core::error::Error;
use crate::core::ids::{LedgerEntryId, UserId};
use crate::core::pagination::{Page, PageRequest, TimeRange};
use crate::core::viewer::{Reader, Staff, Viewer};
use crate::infra::db::Db;
use crate::infra::entity::ledger_entry::{self, Reason};

/// The reasons that are rare among very many settlements, which have a partial index of their own.
const RARE_REASONS: [Reason; 8] = [
    Reason::SignupGrant,
    Reason::Adjustment,
    Reason::ChatFailed,
    Reason::ChatBrokenOff,
    Reason::ChatStopped,
    Reason::ChatInterrupted,
    Reason::AccountClosed,
    Reason::Imported,
];

/// A filter of the ledger entries that a viewer may see.
#[derive(Clone, Debug)]
pub struct EntryFilter {
    /// Entries with one of these reasons; with any if `None`.
    reasons: Option<Vec<Reason>>,
    /// Entries of this user, who may be deleted.
    user_id: Option<UserId>,
    period: TimeRange,
    /// Whether the names of actors are shown.
    pub(super) with_actors: bool,
}

impl EntryFilter {
    /// Returns a filter of the reader's own entries of a time range.
    pub fn own(reader: Reader, reasons: Option<Vec<Reason>>, period: TimeRange) -> Self {
        Self { reasons, user_id: Some(reader.id), period, with_actors: false }
    }

    /// Returns a filter of the entries of a time range of all users, or of one user, who may be deleted.
    pub fn all(_: Staff, reasons: Option<Vec<Reason>>, user_id: Option<UserId>, period: TimeRange) -> Self {
        Self { reasons, user_id, period, with_actors: true }
    }

    pub(super) async fn entries(&self, db: &Db) -> Result<Select<ledger_entry::Entity>, Error> {
        use ledger_entry::Column::{CreatedAt, Id};
        let mut entries = self.user_id.map_or_else(ledger_entry::Entity::find, ledger_entry::Entity::owned_by);
        if let Some(reasons) = &self.reasons {
            entries = with_reasons(entries, reasons);
        }
        self.period.filter_with_id_bounds(db.read(), entries, CreatedAt, Id).await
    }
}

/// Returns the entries with one of these reasons.
pub(super) fn with_reasons(entries: Select<ledger_entry::Entity>, reasons: &[Reason]) -> Select<ledger_entry::Entity> {
    let distinct = Reason::iter().filter(|reason| reasons.contains(reason));
    let entries = entries.filter(ledger_entry::Column::Reason.is_in(distinct));
    if !reasons.iter().all(|reason| RARE_REASONS.contains(reason)) {
        return entries;
    }
    // The index's own condition as literals: SQLite uses a partial index only if the statement implies its condition.
    let rare = RARE_REASONS.map(|reason| Expr::Constant(reason.into()));
    entries.filter(ledger_entry::Column::Reason.into_expr().is_in(rare))
}

/// Returns entries, newest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn history(db: &Db, filter: EntryFilter, page: PageRequest) -> Result<Page<ledger_entry::Entity>, Error> {
    page.load(db.read(), filter.entries(db).await?, ledger_entry::Column::Id).await
}

/// Returns one entry: the viewer's own or, for staff, any user's.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for an entry of another user.
pub async fn find(db: &Db, viewer: Viewer, entry_id: LedgerEntryId) -> Result<ledger_entry::Model, Error> {
    let own = viewer.require_read()?.id;
    let entries = match viewer.require_staff() {
        Ok(_) => ledger_entry::Entity::find(),
        Err(_) => ledger_entry::Entity::owned_by(own),
    };
    let entry = entries.filter(ledger_entry::Column::Id.eq(entry_id)).one(db.read()).await?;
    entry.ok_or_else(|| Error::not_found("ledger entry"))
}
