//! CSV export of ledger entries for spreadsheets, streamed in chunks, so that the file is never in memory as a whole.

use std::collections::HashMap;

use async_stream::try_stream;
use chrono::SecondsFormat;
use futures::Stream;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use unicode_normalization::UnicodeNormalization;

use super::{EntryFilter, wallets};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{LedgerEntryId, UserId, WalletId};
use crate::infra::entity::{ledger_entry, user, wallet};

/// Entries per chunk.
const PART: u64 = 500;

const HEADER: [&str; 11] = [
    "entry_id",
    "created_at",
    "user_id",
    "user",
    "reason",
    "amount",
    "balance_after",
    "note",
    "actor",
    "chat_id",
    "group_id",
];

/// Exports entries as CSV (RFC 4180) with a header, oldest first. The concatenated chunks are the file.
pub fn export(app: &App, filter: EntryFilter) -> impl Stream<Item = Result<String, Error>> + Send + use<> {
    let app = app.clone();
    try_stream! {
        let entries = filter.entries(&app.db).await?;
        // Without a byte order mark spreadsheets assume another encoding.
        let header = csv([HEADER.map(str::to_owned)])?;
        yield format!("\u{feff}{header}");
        let mut last = LedgerEntryId(0);
        loop {
            use ledger_entry::Column::Id;
            let page = entries.clone().filter(Id.gt(last)).order_by_asc(Id).limit(PART).all(app.db.read()).await?;
            let Some(newest) = page.last() else { break };
            last = newest.id;
            let names = Names::of(&app, &page).await?;
            yield csv(page.iter().map(|entry| names.cells(entry, filter.with_actors)))?;
        }
    }
}

/// The wallets of a page of entries, and the names of its users and actors. Deleted users have none.
struct Names {
    wallets: HashMap<WalletId, wallet::Model>,
    users: HashMap<UserId, String>,
}

impl Names {
    async fn of(app: &App, page: &[ledger_entry::Model]) -> Result<Self, Error> {
        let mut ids: Vec<_> = page.iter().map(|entry| entry.wallet_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let wallets = wallets(&app.db, &ids).await?;
        let owners = wallets.values().filter_map(|wallet| wallet.user_id);
        let mut ids: Vec<_> =
            page.iter().flat_map(|entry| [entry.member_id, entry.actor_id]).flatten().chain(owners).collect();
        ids.sort_unstable();
        ids.dedup();
        let named = user::Entity::find().select_only().column(user::Column::Id).column(user::Column::Username);
        let named = named.filter(user::Column::Id.is_in(ids)).into_tuple();
        Ok(Self { wallets, users: named.all(app.db.read()).await?.into_iter().collect() })
    }

    fn cells(&self, entry: &ledger_entry::Model, with_actors: bool) -> [String; HEADER.len()] {
        let name =
            |id: Option<UserId>| id.and_then(|id| self.users.get(&id)).map(|name| as_text(name)).unwrap_or_default();
        let wallet = self.wallets.get(&entry.wallet_id);
        let user_id = entry.member_id.or_else(|| wallet?.user_id);
        let group_id = wallet.and_then(|wallet| wallet.group_id);
        [
            entry.id.to_string(),
            entry.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            user_id.map(|id| id.to_string()).unwrap_or_default(),
            name(user_id),
            entry.reason.to_value(),
            entry.amount.to_string(),
            entry.balance_after.to_string(),
            entry.note.as_deref().map(as_text).unwrap_or_default(),
            name(entry.actor_id.filter(|_| with_actors)),
            entry.chat_id.map(|id| id.to_string()).unwrap_or_default(),
            group_id.map(|id| id.to_string()).unwrap_or_default(),
        ]
    }
}

/// Quotes text written by users, so that a spreadsheet does not run it as a formula (OWASP, CSV injection).
/// Spreadsheets accept full-width signs as well, and skip blank and invisible characters before them.
fn as_text(text: &str) -> String {
    let is_skipped = |char: char| {
        char.is_whitespace() || char.is_control() || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let first = text.chars().find(|char| !is_skipped(*char)).and_then(|char| char.nfkc().next());
    let is_formula = first.is_some_and(|first| ['=', '+', '-', '@'].contains(&first));
    if is_formula || text.starts_with(['\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

fn csv(rows: impl IntoIterator<Item = [String; HEADER.len()]>) -> Result<String, Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| Error::internal(error))?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal(error.into_error()))?;
    String::from_utf8(bytes).map_err(|error| Error::internal(error))
}
