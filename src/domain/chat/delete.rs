//! Deletion of chats. An open chat is stopped first, so that its output is paid for and no hold remains.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::changes::{Change, ChangeKind};
use super::history::{find, find_any};
use super::stop::{stop, stop_any};
use super::{conversation, events, versions};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId};
use crate::core::viewer::{Actor, Viewer, Writer};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::{self, user};

/// Maximum number of attempts to stop the open chats, since more may be opened meanwhile.
const TRIES: usize = 5;

/// Deletes one of the viewer's own chats, or, for staff, any user's, which is recorded in the audit trail. The ledger
/// keeps its entry.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for a chat of another user; FORBIDDEN for an operator's unless
/// by a superuser; TIMEOUT if its reply can't be stopped.
pub async fn delete(app: &App, viewer: Viewer, chat_id: ChatId) -> Result<(), Error> {
    let asking = viewer.require_authenticated()?;
    let staff = viewer.require_staff().ok();
    let chat = match staff {
        Some(staff) => find_any(app, staff, chat_id, false).await?,
        None => find(app, viewer.require_read()?, chat_id).await?,
    };
    let operator = staff.filter(|_| chat.user_id != asking.id).map(Actor::from);
    match operator {
        Some(actor) => {
            let owner = user::Entity::find_by_id(chat.user_id).one(app.db.read()).await?;
            actor.require_can_manage(owner.is_some_and(|owner| owner.is_operator()))?;
        }
        None => drop(viewer.require_write()?),
    }
    stop_any(app, chat_id).await?;
    let deleted = app.db.write((operator, chat_id, app.clock.now()), |txn, &(operator, id, at)| {
        Box::pin(delete_one(txn, operator, id, at))
    });
    deleted.await?;
    app.bus.publish(&events::topic(chat_id), || events::ReplyEvent::Ended.encode());
    Change::of_chat(ChangeKind::ChatDeleted, &chat).publish(&app.bus, chat.user_id);
    Ok(())
}

async fn delete_one(txn: &Txn, operator: Option<Actor>, id: ChatId, at: DateTime<Utc>) -> Result<(), Error> {
    versions::detach(txn, id).await?;
    let ended = chat::Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::Status.ne(Status::Pending));
    // No row if a concurrent deletion was faster.
    let deleted = ended.exec_with_returning(txn).await?.into_iter().next().ok_or_else(|| Error::not_found("chat"))?;
    let Some(actor) = operator else { return Ok(()) };
    // The owner's row is locked: the owner may have been promoted meanwhile.
    let owner = ledger::find_for_update(txn, deleted.user_id).await?;
    actor.require_can_manage(owner.is_operator())?;
    // The texts are deleted permanently, so none of them stays in the trail.
    let details = json!({
        "model": deleted.model, "status": deleted.status.to_value(), "cost": deleted.cost,
        "created_at": deleted.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    let record = AuditRecord {
        action: Action::ChatDelete,
        target: ("chat", id.0, &owner.username),
        owner_id: Some(owner.id),
        details,
        at,
    };
    audit::record(txn, &actor, record).await
}

/// Deletes one of the viewer's own conversations with its chats. Open replies are stopped and paid for first. The
/// ledger keeps its entries.
///
/// # Errors
/// NOT_FOUND also for a conversation of another user; TIMEOUT if a reply can't be stopped; CONFLICT if new messages are
/// sent faster than they can be stopped.
pub async fn delete_conversation(app: &App, writer: Writer, id: ConversationId) -> Result<(), Error> {
    conversation::find(app, writer.reader(), id).await?;
    for _ in 0..TRIES {
        let open: Vec<ChatId> = open_chats(id).into_tuple().all(app.db.read()).await?;
        let stopping = open.into_iter().map(|chat_id| stop(app, writer, chat_id));
        futures::future::try_join_all(stopping).await?;
        if app.db.write(id, |txn, &id| Box::pin(delete_ended(txn, id))).await? {
            Change::of_conversation(ChangeKind::Deleted, id).publish(&app.bus, writer.id);
            return Ok(());
        }
    }
    Err(Error::new(Code::Conflict, "Messages are being sent to this conversation. Try again."))
}

/// Deletes the conversation unless one of its chats is open; returns whether it is deleted.
async fn delete_ended(txn: &Txn, id: ConversationId) -> Result<bool, Error> {
    // Locked, so that no chat is opened from here on: opening one updates this row.
    let found = entity::conversation::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    let open: Option<ChatId> = open_chats(id).into_tuple().one(txn).await?;
    if found.is_some() && open.is_none() {
        entity::conversation::Entity::delete_by_id(id).exec(txn).await?;
    }
    Ok(open.is_none())
}

fn open_chats(conversation_id: ConversationId) -> sea_orm::Select<chat::Entity> {
    chat::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ConversationId.eq(conversation_id))
        .filter(Column::Status.eq(Status::Pending))
}
