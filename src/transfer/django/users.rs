//! Import of the Django application's users.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::source::{Source, USERS};
use super::source_row::SourceRow;
use super::value::SqliteValue;
use super::{Importer, MAX_KEPT_ID, note};
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::password::{Pbkdf2, UNUSABLE};
use crate::core::tokens::Tokens;
use crate::domain::account::Roles;
use crate::domain::account::import::{ImportedUser, insert};
use crate::domain::account::username::{self, MAX_IMPORTED_CHARS};
use crate::domain::ledger::Erasable;
use crate::infra::db::Txn;
use crate::infra::entity::{audit_event, ledger_entry, user};
use crate::transfer::{Progress, ProgressUpdate};

/// Users per transaction.
const BATCH: u64 = 200;

/// A user to be imported: its id in the source, and the new row.
struct PlannedRow {
    source_id: i64,
    new: ImportedUser,
}

/// Names, username keys and ids of a batch that are already taken in the target.
struct Conflicts {
    names: HashSet<String>,
    keys: HashSet<String>,
    ids: HashSet<i64>,
}

impl Importer<'_> {
    pub(super) async fn import_users(&mut self, source: &Source, progress: &Progress) -> Result<(), Error> {
        let (mut place, mut done) = (i64::MIN, 0);
        loop {
            let rows = source.rows::<9>(USERS, place, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            place = last.place;
            done += rows.len() as u64;
            let coming = self.plan_users(&rows).await?;
            self.report.users.imported += coming.len() as u64;
            self.report.users.new_id += coming.iter().filter(|user| user.new.id.is_none()).count() as u64;
            if self.write {
                let batch = (coming, self.name.clone(), self.app.clock.now());
                let ids = self.app.db.write(batch, |txn, batch| Box::pin(write(txn, batch))).await?;
                self.users.extend(ids.into_iter().map(|(there, here)| (there, Some(here))));
            } else {
                self.users.extend(coming.iter().map(|user| (user.source_id, None)));
            }
            progress(ProgressUpdate { what: "users", done, total: self.report.users.in_file });
        }
    }

    async fn plan_users(&mut self, rows: &[SourceRow<9>]) -> Result<Vec<PlannedRow>, Error> {
        let ids: Vec<_> = rows.iter().filter_map(|row| row.values[0].integer()).collect();
        let known = self.known("user", &ids).await?;
        let alive = user::Entity::find().filter(user::Column::Id.is_in(known.values().copied()));
        let alive = alive.select_only().column(user::Column::Id).into_tuple::<i64>().all(self.app.db.read()).await?;
        let taken = self.taken(rows, &ids).await?;
        let mut coming = Vec::new();
        for row in rows {
            let source_id = row.values[0].integer();
            match source_id.and_then(|id| known.get_key_value(&id)) {
                Some((there, here)) => {
                    self.report.users.known += 1;
                    if alive.contains(here) {
                        self.users.insert(*there, Some(*here));
                    }
                }
                None => match self.plan_user(row, source_id, &taken) {
                    Ok(user) => coming.push(user),
                    Err(why) => {
                        self.report.users.left_out += 1;
                        self.report.remark(why);
                    }
                },
            }
        }
        Ok(coming)
    }

    /// Returns the new row of a user, with remarks on differences from the source; or why the user is skipped.
    fn plan_user(&mut self, row: &SourceRow<9>, id: Option<i64>, taken: &Conflicts) -> Result<PlannedRow, String> {
        let [_, username, password, tokens, is_active, is_staff, is_superuser, date_joined, last_login] = &row.values;
        let skipped = |why: &str| format!("user in row {} is skipped with all chats: {why}", row.place);
        let source_id = id.ok_or_else(|| skipped("the id is not an integer"))?;
        let username = username.text().ok_or_else(|| skipped("the name is not a text"))?;
        let skipped = |why: String| format!("{username} (user {source_id}) is skipped with all chats: {why}");
        if username.trim().is_empty() {
            return Err(skipped("the name is blank".to_owned()));
        }
        if username.chars().count() > MAX_IMPORTED_CHARS {
            return Err(skipped(format!("the name is longer than {MAX_IMPORTED_CHARS} characters")));
        }
        if taken.names.contains(&username) || self.names.contains(&username) {
            let message = "another user here has this name; delete that one, and repeat the import";
            return Err(skipped(message.to_owned()));
        }
        let is_taken = |key: &String| taken.keys.contains(key) || self.keys.contains(key);
        let Some((plain, exact)) = username::key(&username).zip(username::exact_key(&username)) else {
            return Err(skipped("the name is too long in Unicode's normal form".to_owned()));
        };
        let alike = is_taken(&plain);
        if alike && is_taken(&exact) {
            return Err(skipped("there are other users here whose names look alike".to_owned()));
        }
        let username_key = if alike { exact } else { plain };
        self.names.insert(username.clone());
        self.keys.insert(username_key.clone());

        let mut remark = |text: String| self.report.remark(format!("{username} (user {source_id}): {text}"));
        if alike {
            remark("another user's name looks alike, so this one logs in by the exact name only".to_owned());
        }
        let kept = Some(source_id).filter(|id| (1..=MAX_KEPT_ID).contains(id) && !taken.ids.contains(id));
        if kept.is_none() {
            remark("the id is taken or out of range here, so this user gets a new one".to_owned());
        }
        let (tokens, note) = balance(tokens);
        if let Some(note) = &note {
            remark(format!("{note}, so it is {tokens} here"));
        }
        let password_hash = password_hash(password).unwrap_or_else(|why| {
            remark(format!("no password is usable, since {why}; `jeton user set-password` sets a new one"));
            UNUSABLE.to_string()
        });
        let mut flag = |raw: &SqliteValue, column: &str| {
            raw.boolean().unwrap_or_else(|| {
                remark(format!("{column} is neither true nor false, so it is false here"));
                false
            })
        };
        let is_active = flag(is_active, "is_active");
        let roles = Roles { is_staff: flag(is_staff, "is_staff"), is_superuser: flag(is_superuser, "is_superuser") };
        let created_at = date_joined.time().unwrap_or_else(|| {
            remark("date_joined is not a valid time, so the time of the import is used".to_owned());
            self.app.clock.now()
        });
        let last_login_at = last_login.time();
        if last_login_at.is_none() && !last_login.is_null() {
            remark("last_login is not a valid time, and is omitted".to_owned());
        }
        let new = ImportedUser {
            id: kept.map(UserId),
            username,
            username_key,
            password_hash,
            is_active,
            roles,
            tokens,
            note: Erasable::new(&self.app.random, note, None),
            created_at,
            last_login_at,
        };
        Ok(PlannedRow { source_id, new })
    }

    async fn taken(&self, rows: &[SourceRow<9>], ids: &[i64]) -> Result<Conflicts, Error> {
        let names: Vec<_> = rows.iter().filter_map(|row| row.values[1].text()).collect();
        let keys = names.iter().flat_map(|typed| [username::key(typed), username::exact_key(typed)]);
        let keys: Vec<_> = keys.flatten().collect();
        let db = self.app.db.read();
        let ids = || ids.iter().copied();
        let same = Condition::any()
            .add(user::Column::Username.is_in(names))
            .add(user::Column::UsernameKey.is_in(keys))
            .add(user::Column::Id.is_in(ids()));
        let same = user::Entity::find().filter(same).all(db).await?;
        let mut taken = Conflicts { names: HashSet::new(), keys: HashSet::new(), ids: HashSet::new() };
        for user in same {
            taken.ids.insert(user.id.0);
            taken.names.insert(user.username);
            taken.keys.insert(user.username_key);
        }
        // Ids of deleted users stay in the ledger and in the audit trail.
        let ledger = ledger_entry::Entity::find().filter(ledger_entry::Column::WalletId.is_in(ids()));
        let ledger = ledger.select_only().column(ledger_entry::Column::WalletId).distinct();
        taken.ids.extend(ledger.into_tuple::<i64>().all(db).await?);
        let trail = audit_event::Entity::find()
            .filter(audit_event::Column::TargetType.eq("user"))
            .filter(audit_event::Column::TargetId.is_in(ids()));
        let trail = trail.select_only().column(audit_event::Column::TargetId).distinct();
        taken.ids.extend(trail.into_tuple::<i64>().all(db).await?);
        Ok(taken)
    }
}

/// Inserts a batch. Returns source id and target id of each user.
async fn write(txn: &Txn, batch: &(Vec<PlannedRow>, String, DateTime<Utc>)) -> Result<Vec<(i64, i64)>, Error> {
    let (coming, source, now) = batch;
    let mut ids = Vec::with_capacity(coming.len());
    for user in coming {
        ids.push((user.source_id, insert(txn, &user.new, *now).await?.0));
    }
    note(txn, source, "user", ids.iter().copied()).await?;
    Ok(ids)
}

/// Returns the balance within the valid range and, if it was changed, a note about the balance in the source.
fn balance(raw: &SqliteValue) -> (Tokens, Option<String>) {
    match raw.integer() {
        Some(there @ ..=-1) => (Tokens::ZERO, Some(format!("the balance was {there}"))),
        Some(there) if there > Tokens::MAX_BALANCE.0 => (Tokens::MAX_BALANCE, Some(format!("the balance was {there}"))),
        Some(there) => (Tokens(there), None),
        None => (Tokens::ZERO, Some("the balance was not an integer".to_owned())),
    }
}

/// Returns the password hash if it can be verified here; otherwise the reason.
fn password_hash(raw: &SqliteValue) -> Result<String, String> {
    let stored = raw.text().ok_or("the stored value is not a text")?;
    if stored.starts_with(UNUSABLE) || stored.is_empty() {
        return Err("the source has none either".to_owned());
    }
    Pbkdf2::parse(&stored).map(|_| stored).map_err(|why| format!("the hash can't be imported: {why}"))
}

#[cfg(test)]
mod tests;
