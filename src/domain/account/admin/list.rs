//! Queries of users, as operators see them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::filter::UserFilter;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::pagination::{Page, PageRequest, TimeRange};
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Staff};
use crate::infra::entity::{chat, user, wallet};

/// Returns users, in the order of the filter, which is one by columns of the user.
///
/// # Errors
/// INVALID_INPUT for a cursor of another order, or a search that is too long or has too many words; INTERNAL if the
/// order is another one, or the database fails.
pub async fn users(
    app: &App,
    actor: Actor,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<user::Entity>, Error> {
    actor.require_operator()?;
    let sort = filter.order.sort().ok_or_else(|| Error::internal("an order that needs ranks"))?;
    page.load_by(app.db.read(), filter.select()?, sort).await
}

/// Returns users by a rank that no column has, the highest first or, for an ascending order, last. It is computed of
/// the id and the last log-in of each user who matches, so its cost grows with their number.
///
/// # Errors
/// As [`users`], and INVALID_INPUT for a cursor whose user no longer matches.
pub async fn ranked<K: Ord>(
    app: &App,
    actor: Actor,
    filter: UserFilter,
    page: PageRequest,
    rank: impl Fn(UserId, Option<DateTime<Utc>>) -> K,
) -> Result<Page<user::Entity>, Error> {
    actor.require_operator()?;
    let all = filter.select()?;
    let columns = all.clone().select_only().column(user::Column::Id).column(user::Column::LastLoginAt);
    let found: Vec<(UserId, Option<DateTime<Utc>>)> = columns.into_tuple().all(app.db.read()).await?;
    let mut ranks: Vec<(K, UserId)> = found.into_iter().map(|(id, login)| (rank(id, login), id)).collect();
    ranks.sort_unstable();
    if !filter.order.is_ascending() {
        ranks.reverse();
    }
    let ids: Vec<UserId> = ranks.into_iter().map(|(_, id)| id).collect();
    let (picked, mut slice) = page.slice_ids(&ids, all)?;
    let mut rows: HashMap<_, _> = by_ids(app, &picked).await?.into_iter().map(|user| (user.id, user)).collect();
    slice.rows = picked.iter().filter_map(|id| rows.remove(id)).collect();
    Ok(slice)
}

/// Returns a user, as operators see it.
///
/// # Errors
/// NOT_FOUND without such a user.
pub async fn find(app: &App, actor: Actor, user_id: UserId) -> Result<user::Model, Error> {
    actor.require_operator()?;
    user::Entity::find_by_id(user_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("user"))
}

/// Returns the users with these ids, in no particular order; deleted users are omitted. The caller has checked that the
/// viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[UserId]) -> Result<Vec<user::Model>, Error> {
    Ok(user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}

/// Returns the number of a user's chats, which deleting the account would delete.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn chats_of(app: &App, actor: Actor, user_id: UserId) -> Result<u64, Error> {
    actor.require_operator()?;
    Ok(chat::Entity::owned_by(user_id).count(app.db.read()).await?)
}

/// Returns the number of accounts that were created in a period and still exist, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn signed_up(app: &App, _: Staff, period: TimeRange) -> Result<u64, Error> {
    Ok(period.filter(user::Entity::find(), user::Column::CreatedAt).count(app.db.read()).await?)
}

/// Returns active users with less than `tokens`, the poorest first, at most `most`, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn poorest(app: &App, _: Staff, tokens: Tokens, most: u64) -> Result<Vec<user::Model>, Error> {
    use wallet::Column::{Id, Tokens, UserId};
    let active = Query::select()
        .column(user::Column::Id)
        .from(user::Entity)
        .and_where(user::Column::IsActive.into_expr())
        .take();
    let poor = wallet::Entity::find().filter(Tokens.lt(tokens)).filter(UserId.in_subquery(active));
    let poor = poor.order_by_asc(Tokens).order_by_asc(Id).limit(most).select_only().column(UserId);
    let ids: Vec<crate::core::ids::UserId> = poor.into_tuple().all(app.db.read()).await?;
    let mut users: HashMap<_, _> = by_ids(app, &ids).await?.into_iter().map(|user| (user.id, user)).collect();
    Ok(ids.iter().filter_map(|id| users.remove(id)).collect())
}
