//! `jeton import-django`: imports users and chats of the Django application that Jeton replaces.
//!
//! Each batch is planned by reading both databases, and then written in one transaction together with the mapping of
//! source ids to new ids (table `imported`). So an aborted import resumes where it was, and a repeated one adds
//! nothing. A dry run plans and does not write.
//!
//! Users are never merged. A user whose exact name is taken in the target is skipped with all chats. Names that only
//! look alike (case, Unicode form) are all imported, and each such user logs in by the exact name.

mod chats;
mod source;
mod source_row;
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

/// The highest source id that is kept. Rows with a higher one get a new id, so that no file can exhaust the id space.
const MAX_KEPT_ID: i64 = id_sequence::MAX_ID;

/// Maximum number of remarks in a report; further ones are only counted.
const MAX_REMARKS: usize = 1000;
/// Maximum length of a remark in characters.
const MAX_REMARK_CHARS: usize = 600;

/// The report of an import, or of a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The counts of users.
    pub users: Counts,
    /// The counts of chats.
    pub chats: Counts,
    /// Differences from the source and skipped rows: a sentence each.
    pub remarks: Vec<String>,
    /// The number of further remarks, which are omitted.
    pub more_remarks: u64,
}

/// Row counts of a table by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows in the file.
    pub in_file: u64,
    /// Imported now.
    pub imported: u64,
    /// Of those: imported with a new id.
    pub new_id: u64,
    /// Imported earlier, and left unchanged.
    pub known: u64,
    /// Skipped.
    pub left_out: u64,
}

impl Report {
    fn remark(&mut self, text: String) {
        // It quotes values of the file, which may be long.
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

/// Imports the users and chats of a file. Without `write`, only reports what would be imported.
///
/// # Errors
/// INVALID_INPUT if the file can't be read or is not a database of the Django application; INTERNAL if the database
/// fails, or if a name or an id was taken concurrently: a repeated import resumes from there.
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
        // So that no new id collides with one that a later row keeps.
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

/// The state of a running import.
struct Importer<'a> {
    app: &'a App,
    /// The name of the source, by which its rows are noted as imported.
    name: String,
    write: bool,
    report: Report,
    /// The imported users of the file, now or earlier: source id to target id. `None` in a dry run.
    users: HashMap<i64, Option<i64>>,
    /// Names that users of this file have taken: a dry run does not find them in the database.
    names: HashSet<String>,
    /// Their username keys. A name can be another user's key.
    keys: HashSet<String>,
}

impl Importer<'_> {
    /// Returns which of these rows were imported earlier: source id to target id.
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

/// Records imported rows: source id and target id of each.
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
