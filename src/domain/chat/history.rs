//! Queries of existing chats: the viewer's own, and, for staff, all users'.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::reads;
pub use super::search::ChatOrder;
use super::search::{self, Found};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::pagination::{self, Page, PageRequest, TimeRange, check_search};
use crate::core::viewer::{Reader, Staff};
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::{import_map, user};

/// The rare statuses, which have a partial index of their own.
const FAILED_STATUSES: [Status; 3] = [Status::Failed, Status::Stopped, Status::Interrupted];

/// A filter of the viewer's own chats; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Words that all occur in the message or the reply; the last one matches as a prefix.
    pub search: Option<String>,
    /// The order of the list.
    pub order: ChatOrder,
    /// Chats of this conversation.
    pub conversation_id: Option<ConversationId>,
    /// Whether the chat was replaced in the context.
    pub replaced: Option<bool>,
}

/// Returns one of the viewer's own chats.
///
/// # Errors
/// NOT_FOUND also for a chat of another user.
pub async fn find(app: &App, reader: Reader, chat_id: ChatId) -> Result<chat::Model, Error> {
    let own = chat::Entity::owned_by(reader.id).filter(Column::Id.eq(chat_id));
    own.one(app.db.read()).await?.ok_or_else(|| Error::not_found("chat"))
}

/// Returns the viewer's own chats, newest first, or those that match a search.
///
/// A search covers the 1000 newest matching chats, closed ones only.
///
/// # Errors
/// INVALID_INPUT for a search without words, with too many, or too long.
pub async fn history(
    app: &App,
    reader: Reader,
    filter: HistoryFilter,
    page: PageRequest,
) -> Result<Page<chat::Entity>, Error> {
    let user_id = reader.id;
    let mut own = chat::Entity::owned_by(user_id);
    if let Some(conversation_id) = filter.conversation_id {
        own = own.filter(Column::ConversationId.eq(conversation_id));
    }
    own = match filter.replaced {
        Some(true) => own.filter(Column::ReplacedById.is_not_null()),
        Some(false) => own.filter(Column::ReplacedById.is_null()),
        None => own,
    };
    check_search(filter.search.as_deref().unwrap_or_default())?;
    let Some(search) = filter.search.filter(|search| !search.trim().is_empty()) else {
        return page.load(app.db.read(), own, Column::Id).await;
    };
    let wanted =
        search::SearchScope { user_id: Some(user_id), conversation_id: filter.conversation_id, order: filter.order };
    let Found { mut ids, is_truncated } = search::find(app, wanted, &search).await?;
    if filter.replaced.is_some() {
        let kept = own.clone().filter(Column::Id.is_in(ids.iter().copied())).select_only().column(Column::Id);
        let kept: HashSet<ChatId> = kept.into_tuple().all(app.db.read()).await?.into_iter().collect();
        ids.retain(|id| kept.contains(id));
    }
    let (picked, mut slice) = page.slice_ids(&ids, own.filter(Column::Id.is_in(ids.iter().copied())))?;
    // The index's words for the owner may come from a restored backup, which is untrusted input.
    let rows = by_ids(app, &picked).await?.into_iter().filter(|chat| chat.user_id == user_id);
    let mut rows: HashMap<_, _> = rows.map(|chat| (chat.id, chat)).collect();
    slice.rows = picked.iter().filter_map(|id| rows.remove(id)).collect();
    slice.is_truncated = is_truncated;
    Ok(slice)
}

/// Returns the completely answered chats, newest first: the history of the REST routes.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn answered(app: &App, reader: Reader, page: PageRequest) -> Result<Page<chat::Entity>, Error> {
    let answered = chat::Entity::owned_by(reader.id).filter(Column::Status.eq(Status::Done));
    page.load(app.db.read(), answered, Column::Id).await
}

/// A filter of all users' chats; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct AdminChatFilter {
    /// Words that all occur in the message or the reply, the last one as a prefix; or a substring of the user's name.
    pub search: Option<String>,
    /// Chats of this user.
    pub user_id: Option<UserId>,
    /// Chats answered by this model.
    pub model: Option<String>,
    /// Chats in this status.
    pub status: Option<Status>,
    /// Chats created in this time range.
    pub period: TimeRange,
    /// Whether the texts of the chats are shown, or only who sent them, when, and what they cost.
    pub with_text: bool,
}

/// Returns all users' chats, newest first, for staff. A search, and showing texts, is recorded in the audit trail.
///
/// A search covers the 1000 newest matching chats, and the 1000 newest of users whose name matches.
///
/// # Errors
/// INVALID_INPUT for a search with too many words, or too long.
pub async fn all(
    app: &App,
    staff: Staff,
    wanted: AdminChatFilter,
    page: PageRequest,
) -> Result<Page<chat::Entity>, Error> {
    check_search(wanted.search.as_deref().unwrap_or_default())?;
    let mut chats = chat::Entity::find();
    let search = wanted.search.filter(|search| !search.trim().is_empty());
    let is_read = wanted.with_text || search.is_some();
    let mut is_truncated = false;
    if let Some(search) = search {
        let found = found_by_staff(app, wanted.user_id, &search).await?;
        is_truncated = found.is_truncated;
        chats = chats.filter(Column::Id.is_in(found.ids));
    }
    if let Some(user_id) = wanted.user_id {
        chats = chats.filter(Column::UserId.eq(user_id));
    }
    if let Some(model) = wanted.model {
        chats = chats.filter(Column::Model.eq(model));
    }
    if let Some(status) = wanted.status {
        chats = chats.filter(Column::Status.eq(status));
        if FAILED_STATUSES.contains(&status) {
            // The index's own condition as literals: SQLite uses a partial index only if the statement implies its
            // condition.
            let failed = FAILED_STATUSES.map(|status| Expr::Constant(status.into()));
            chats = chats.filter(Column::Status.into_expr().is_in(failed));
        }
    }
    let chats = in_period(app, chats, wanted.period).await?;
    let mut page = page.load(app.db.read(), chats, Column::Id).await?;
    page.is_truncated = is_truncated;
    if is_read {
        reads::record(app, staff, &page.rows).await?;
    }
    Ok(page)
}

async fn in_period(app: &App, chats: Select<chat::Entity>, period: TimeRange) -> Result<Select<chat::Entity>, Error> {
    // The ids of imported chats don't grow with time.
    let is_bounded = period.since.or(period.until).is_some();
    if is_bounded && import_map::Entity::find().one(app.db.read()).await?.is_some() {
        return Ok(period.filter(chats, Column::CreatedAt));
    }
    period.filter_with_id_bounds(app.db.read(), chats, Column::CreatedAt, Column::Id).await
}

async fn found_by_staff(app: &App, user_id: Option<UserId>, search: &str) -> Result<Found, Error> {
    let wanted = search::SearchScope { user_id, conversation_id: None, order: ChatOrder::Newest };
    let mut found = match search::find(app, wanted, search).await {
        // A name may consist of signs only.
        Err(error) if error.code == Code::InvalidInput => Found::new(Vec::new()),
        found => found?,
    };
    let named = pagination::contains(Expr::col(user::Column::UsernameKey), &search.trim().to_lowercase());
    let users = Query::select().column(user::Column::Id).from(user::Entity).and_where(named).take();
    let theirs = chat::Entity::find().filter(Column::UserId.in_subquery(users)).order_by_desc(Column::Id);
    let theirs = theirs.select_only().column(Column::Id).limit(search::MAX_FOUND + 1);
    let named = Found::new(theirs.into_tuple().all(app.db.read()).await?);
    found.ids.extend(named.ids);
    found.is_truncated |= named.is_truncated;
    Ok(found)
}

/// Returns any user's chat, for staff. Showing its text is recorded in the audit trail.
///
/// # Errors
/// NOT_FOUND without such a chat.
pub async fn find_any(app: &App, staff: Staff, chat_id: ChatId, with_text: bool) -> Result<chat::Model, Error> {
    let chat = chat::Entity::find_by_id(chat_id).one(app.db.read()).await?;
    let chat = chat.ok_or_else(|| Error::not_found("chat"))?;
    if with_text {
        reads::record(app, staff, [&chat]).await?;
    }
    Ok(chat)
}

/// Returns the chats with these ids, in no particular order; deleted ones are omitted. The caller has checked that the
/// viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[ChatId]) -> Result<Vec<chat::Model>, Error> {
    Ok(chat::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}
