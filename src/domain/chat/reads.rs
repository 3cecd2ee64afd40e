//! Traces of operators who read the chats of other users, in the audit trail.
//!
//! One event for each operator, user and hour, so that paging through a list leaves one trace and not hundreds; the
//! first chat that is opened on its own, and the first list, have one each. Each server counts for itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ChatId, UserId};
use crate::core::viewer::{Actor, Staff};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::db::Txn;
use crate::infra::entity::{chat, user};

/// The time in which further reads leave no trace, in seconds.
const PERIOD: i64 = 3600;

/// What an operator reads of one user.
#[derive(Clone, Copy)]
struct Read {
    user_id: UserId,
    /// The chat, if it is the only one.
    chat_id: Option<ChatId>,
    chats: usize,
}

/// Records that an operator reads these chats, unless they are the operator's own, `audit.chat_reads` is off, or it was
/// recorded within the hour. Called before they are shown: what can't be recorded is not shown.
///
/// # Errors
/// INTERNAL or UNAVAILABLE if the database fails.
pub async fn record<'a>(
    app: &App,
    staff: Staff,
    chats: impl IntoIterator<Item = &'a chat::Model>,
) -> Result<(), Error> {
    if !app.config().audit.chat_reads {
        return Ok(());
    }
    let mut reads: BTreeMap<UserId, Read> = BTreeMap::new();
    for chat in chats.into_iter().filter(|chat| chat.user_id != staff.id) {
        let first = Read { user_id: chat.user_id, chat_id: Some(chat.id), chats: 0 };
        let read = reads.entry(chat.user_id).or_insert(first);
        read.chats += 1;
        read.chat_id = read.chat_id.filter(|_| read.chats == 1);
    }
    let at = app.clock.now();
    let key = |read: &Read| (staff.id, read.user_id, read.chat_id.is_some(), at.timestamp().div_euclid(PERIOD));
    let new: Vec<Read> =
        reads.into_values().filter(|read| app.chat_reads.entry(key(read)).or_insert(()).is_fresh()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let written = app
        .db
        .write((Actor::from(staff), new.clone(), at), |txn, (actor, new, at)| Box::pin(write(txn, *actor, new, *at)))
        .await;
    if written.is_err() {
        new.iter().for_each(|read| app.chat_reads.invalidate(&key(read)));
    }
    written
}

async fn write(txn: &Txn, actor: Actor, reads: &[Read], at: DateTime<Utc>) -> Result<(), Error> {
    let named = user::Entity::find().select_only().column(user::Column::Id).column(user::Column::Username);
    let named = named.filter(user::Column::Id.is_in(reads.iter().map(|read| read.user_id)));
    let names: BTreeMap<UserId, String> = named.into_tuple().all(txn).await?.into_iter().collect();
    for read in reads {
        // A user who was deleted meanwhile takes the chats along.
        let Some(name) = names.get(&read.user_id) else { continue };
        let (target, owner_id) = match read.chat_id {
            Some(id) => (("chat", id.0, name.as_str()), Some(read.user_id)),
            None => (("user", read.user_id.0, name.as_str()), None),
        };
        let details = json!({ "chats": read.chats });
        audit::record(txn, &actor, AuditRecord { action: Action::ChatRead, target, owner_id, details, at }).await?;
    }
    Ok(())
}
