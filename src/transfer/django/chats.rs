//! Import of the Django application's chats.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::source::{CHATS, MAX_VALUE_BYTES, Source};
use super::source_row::SourceRow;
use super::{Importer, MAX_KEPT_ID, note};
use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::domain::chat::import::{ImportedChat, insert_imported};
use crate::infra::db::Txn;
use crate::infra::entity::{chat, ledger_entry};
use crate::transfer::{Progress, ProgressUpdate};

/// Chats per transaction.
const BATCH: u64 = 500;

/// A chat to be imported: its id in the source, and the new row.
struct PlannedRow {
    source_id: i64,
    new: ImportedChat,
}

impl Importer<'_> {
    pub(super) async fn import_chats(&mut self, source: &Source, progress: &Progress) -> Result<(), Error> {
        let (mut place, mut done, mut ownerless) = (i64::MIN, 0, 0);
        loop {
            let rows = source.rows::<5>(CHATS, place, BATCH).await?;
            let Some(last) = rows.last() else { break };
            place = last.place;
            done += rows.len() as u64;
            let coming = self.plan_chats(&rows, &mut ownerless).await?;
            self.report.chats.imported += coming.len() as u64;
            self.report.chats.new_id += coming.iter().filter(|chat| chat.new.id.is_none()).count() as u64;
            if self.write {
                let batch = (coming, self.name.clone(), self.app.clock.now());
                self.app.db.write(batch, |txn, batch| Box::pin(write(txn, batch))).await?;
            }
            progress(ProgressUpdate { what: "chats", done, total: self.report.chats.in_file });
        }
        if ownerless > 0 {
            self.report.remark(format!("{ownerless} chats are skipped, since their user is skipped or deleted"));
        }
        Ok(())
    }

    async fn plan_chats(&mut self, rows: &[SourceRow<5>], ownerless: &mut u64) -> Result<Vec<PlannedRow>, Error> {
        let ids: Vec<_> = rows.iter().filter_map(|row| row.values[0].integer()).collect();
        let known = self.known("chat", &ids).await?;
        let taken = self.taken_chats(&ids).await?;
        let mut coming = Vec::new();
        for row in rows {
            let source_id = row.values[0].integer();
            if source_id.is_some_and(|id| known.contains_key(&id)) {
                self.report.chats.known += 1;
                continue;
            }
            let owner = row.values[1].integer().and_then(|id| self.users.get(&id));
            let Some(owner) = owner.copied() else {
                self.report.chats.left_out += 1;
                *ownerless += 1;
                continue;
            };
            match self.plan_chat(row, source_id, owner, &taken) {
                Ok(chat) => coming.push(chat),
                Err(why) => {
                    self.report.chats.left_out += 1;
                    self.report.remark(why);
                }
            }
        }
        Ok(coming)
    }

    fn plan_chat(
        &mut self,
        row: &SourceRow<5>,
        id: Option<i64>,
        owner: Option<i64>,
        taken: &HashSet<i64>,
    ) -> Result<PlannedRow, String> {
        let [_, _, message, response, timestamp] = &row.values;
        let skipped = |why: &str| format!("chat in row {} is skipped: {why}", row.place);
        let source_id = id.ok_or_else(|| skipped("the id is not an integer"))?;
        let message = message.text().ok_or_else(|| skipped(&no_text("message")))?;
        let response = response.text().ok_or_else(|| skipped(&no_text("response")))?;
        let at = timestamp.time().unwrap_or_else(|| {
            self.report.remark(format!("chat {source_id}: its time can't be read, so the time of the import is used"));
            self.app.clock.now()
        });
        let kept = Some(source_id).filter(|id| (1..=MAX_KEPT_ID).contains(id) && !taken.contains(id));
        // In a dry run the owner has no id yet.
        let new =
            ImportedChat { id: kept.map(ChatId), user_id: UserId(owner.unwrap_or_default()), message, response, at };
        Ok(PlannedRow { source_id, new })
    }

    /// Returns which of these ids are taken by a chat in the target, or were: ids of deleted chats stay in the ledger.
    async fn taken_chats(&self, ids: &[i64]) -> Result<HashSet<i64>, Error> {
        let db = self.app.db.read();
        let there = chat::Entity::find().filter(chat::Column::Id.is_in(ids.iter().copied()));
        let there = there.select_only().column(chat::Column::Id).into_tuple::<i64>().all(db).await?;
        let deleted = ledger_entry::Entity::find().filter(ledger_entry::Column::ChatId.is_in(ids.iter().copied()));
        let deleted = deleted.select_only().column(ledger_entry::Column::ChatId).into_tuple::<i64>().all(db).await?;
        Ok(there.into_iter().chain(deleted).collect())
    }
}

fn no_text(column: &str) -> String {
    format!("the {column} is not a text of at most {} MiB", MAX_VALUE_BYTES >> 20)
}

async fn write(txn: &Txn, batch: &(Vec<PlannedRow>, String, DateTime<Utc>)) -> Result<(), Error> {
    let (coming, source, now) = batch;
    let new: Vec<_> = coming.iter().map(|chat| chat.new.clone()).collect();
    let ids = insert_imported(txn, &new, *now).await?;
    note(txn, source, "chat", coming.iter().map(|chat| chat.source_id).zip(ids.into_iter().map(i64::from))).await
}
