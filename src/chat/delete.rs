//! Deleting chats. An open one is stopped first, so that what was produced is paid for and nothing stays held.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{conversation, news, stop};
use crate::app::App;
use crate::db::Txn;
use crate::entity;
use crate::entity::chat::{self, Column, Status};
use crate::error::{Code, Error};
use crate::viewer::Viewer;

/// Tries at stopping what is open, since more may be opened meanwhile.
const TRIES: usize = 5;

/// Deletes one of the viewer's own chats. The ledger keeps its entry.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's chat; TIMEOUT where its reply can't be
/// stopped.
pub async fn delete(app: &App, viewer: Viewer, chat_id: i64) -> Result<(), Error> {
    stop(app, viewer, chat_id).await?;
    let deleted = app.db.write(chat_id, |txn, &id| {
        Box::pin(async move {
            let ended =
                chat::Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::Status.ne(Status::Pending));
            Ok(ended.exec(txn).await?.rows_affected)
        })
    });
    if deleted.await? == 0 {
        // Somebody was faster.
        return Err(Error::not_found("chat"));
    }
    app.bus.publish(&news::topic(chat_id), || news::News::Ended.encode());
    Ok(())
}

/// Deletes one of the viewer's own conversations with its chats. Replies that are still being made are stopped and paid
/// for first. The ledger keeps its entries.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's; TIMEOUT where a reply can't be stopped;
/// CONFLICT where new messages come faster than they can be stopped.
pub async fn delete_conversation(app: &App, viewer: Viewer, id: i64) -> Result<(), Error> {
    conversation::find(app, viewer, id).await?;
    for _ in 0..TRIES {
        let open: Vec<i64> = open_chats(id).into_tuple().all(app.db.read()).await?;
        let stopping = open.into_iter().map(|chat_id| stop(app, viewer, chat_id));
        futures::future::try_join_all(stopping).await?;
        if app.db.write(id, |txn, &id| Box::pin(delete_ended(txn, id))).await? {
            return Ok(());
        }
    }
    Err(Error::new(Code::Conflict, "Messages are being sent to this conversation. Try again."))
}

/// Deletes the conversation unless one of its chats is open; says whether it is gone.
async fn delete_ended(txn: &Txn, id: i64) -> Result<bool, Error> {
    // Locked, so that no chat is opened from here on: opening one updates this row.
    let found = entity::conversation::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    let open: Option<i64> = open_chats(id).into_tuple().one(txn).await?;
    if found.is_some() && open.is_none() {
        entity::conversation::Entity::delete_by_id(id).exec(txn).await?;
    }
    Ok(open.is_none())
}

fn open_chats(conversation_id: i64) -> sea_orm::Select<chat::Entity> {
    chat::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ConversationId.eq(conversation_id))
        .filter(Column::Status.eq(Status::Pending))
}
