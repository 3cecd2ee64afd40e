//! `jeton import-django`: users and chats of the Django application that Jeton replaces.
//!
//! Each batch is planned by looking at both databases, and then written in one transaction together with the note of what
//! came from where (`imported`). So an import that broke off goes on where it was, and a second one adds nothing. A dry run
//! plans and does not write.
//!
//! Nobody is merged with anybody. A user whose very name is taken here is left out with all chats. Names that only look
//! alike (case, Unicode form) come all, and each is found by who writes it exactly.

mod chats;
mod source;
mod users;
mod value;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use self::source::{CHATS, Source, USERS};
pub use self::value::SqliteValue;
use super::{Progress, id_sequence};
use crate::app::App;
use crate::core::error::Error;
use crate::infra::db::Txn;
use crate::infra::entity::import_map;

/// Ids above this get a new one, so that no file uses up the ids that there are.
const MAX_KEPT_ID: i64 = id_sequence::MAX_ID;

/// So many remarks are told; the rest is counted.
const MAX_REMARKS: usize = 1000;
/// Longest remark, in characters.
const MAX_REMARK_CHARS: usize = 600;

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Of the users.
    pub users: Counts,
    /// Of the chats.
    pub chats: Counts,
    /// What differs from how it is there, and what was left out: a sentence each.
    pub remarks: Vec<String>,
    /// Further remarks that are not told.
    pub more_remarks: u64,
}

/// How many rows of a table came, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In the file.
    pub in_file: u64,
    /// Came now.
    pub imported: u64,
    /// Of those: got another id than they had.
    pub new_id: u64,
    /// Came with an earlier import, and were left as they are.
    pub known: u64,
    /// Did not come.
    pub left_out: u64,
}

impl Report {
    fn remark(&mut self, text: String) {
        // It names what is in the file, which may be long.
        let text = if text.chars().count() > MAX_REMARK_CHARS {
            text.chars().take(MAX_REMARK_CHARS).chain(" ..".chars()).collect()
        } else {
            text
        };
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(text);
        } else {
            self.more_remarks += 1;
        }
    }
}

/// Imports the users and chats of a file. Where `write` is not set, only says what would come.
///
/// # Errors
/// INVALID_INPUT where the file can't be read or is no such database; INTERNAL where the database fails, or where somebody
/// took a name or an id in the middle of it: another run goes on from there.
pub async fn import(app: &App, file: &Path, write: bool, progress: &Progress) -> Result<Report, Error> {
    let source = Source::open(file).await?;
    let mut work = Importer {
        app,
        name: source.name().await?,
        write,
        report: Report::default(),
        users: HashMap::new(),
        names: HashSet::new(),
        keys: HashSet::new(),
    };
    work.report.users.in_file = source.count(USERS).await?;
    work.report.chats.in_file = source.count(CHATS).await?;
    if write {
        // Whoever gets a new id does not get one that a later row keeps.
        let largest = (source.largest_id(USERS, MAX_KEPT_ID).await?, source.largest_id(CHATS, MAX_KEPT_ID).await?);
        app.db
            .write(largest, |txn, (users, chats)| {
                Box::pin(async move {
                    id_sequence::raise(txn, "user", *users).await?;
                    id_sequence::raise(txn, "chat", *chats).await
                })
            })
            .await?;
    }
    work.import_users(&source, progress).await?;
    work.import_chats(&source, progress).await?;
    Ok(work.report)
}

/// An import that is going on.
struct Importer<'a> {
    app: &'a App,
    /// Which source.
    name: String,
    write: bool,
    report: Report,
    /// The users of the file who have come, now or earlier: their ids there, and here. In a dry run, and for those who are
    /// gone, there is none here.
    users: HashMap<i64, Option<i64>>,
    /// Names that users of this file have taken, which a dry run does not see in the database.
    names: HashSet<String>,
    /// Their keys. A name may well be somebody else's key.
    keys: HashSet<String>,
}

impl Importer<'_> {
    /// What came earlier of these rows: their ids there, and here.
    async fn known(&self, kind: &str, ids: &[i64]) -> Result<HashMap<i64, i64>, Error> {
        use import_map::Column;
        let known = import_map::Entity::find()
            .filter(Column::Source.eq(&self.name))
            .filter(Column::Kind.eq(kind))
            .filter(Column::SourceId.is_in(ids.iter().copied()));
        let known = known.all(self.app.db.read()).await?;
        Ok(known.into_iter().map(|row| (row.source_id, row.id)).collect())
    }
}

/// Notes what came: its ids there, and here.
async fn note(txn: &Txn, source: &str, kind: &str, ids: impl IntoIterator<Item = (i64, i64)>) -> Result<(), Error> {
    let rows: Vec<_> = ids
        .into_iter()
        .map(|(source_id, id)| import_map::ActiveModel {
            source: Set(source.to_owned()),
            kind: Set(kind.to_owned()),
            source_id: Set(source_id),
            id: Set(id),
        })
        .collect();
    if !rows.is_empty() {
        import_map::Entity::insert_many(rows).exec_without_returning(txn).await?;
    }
    Ok(())
}
