//! What single users spent and when they were active last, for lists of users.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::day::{UserSpending, count_users, day_name, sum};
use super::report::{open_days, period, stored_days};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::infra::entity::chat::{self, Column};
use crate::infra::entity::{usage_day_user, user};

/// The days that [`spent`] covers, today included.
pub const SPENT_DAYS: i32 = 30;

/// Returns the cost of the chats of these users, or of all users, in the last [`SPENT_DAYS`] days; users without a cost
/// may be omitted. The caller has checked that the viewer may see it.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn spent(app: &App, user_ids: Option<&[UserId]>) -> Result<HashMap<UserId, i64>, Error> {
    let period = period(app, SPENT_DAYS)?;
    let first = day_name(period.first().copied().unwrap_or_default());
    let stored = stored_days(app, &first).await?;
    let mut kept = usage_day_user::Entity::find()
        .select_only()
        .column(usage_day_user::Column::UserId)
        .column_as(sum(usage_day_user::Column::Messages), "messages")
        .column_as(sum(usage_day_user::Column::Tokens), "tokens")
        .filter(usage_day_user::Column::Day.gte(&first))
        .group_by(usage_day_user::Column::UserId);
    if let Some(ids) = user_ids {
        kept = kept.filter(usage_day_user::Column::UserId.is_in(ids.iter().copied()));
    }
    let mut spent: HashMap<UserId, i64> = HashMap::new();
    let mut add = |rows: Vec<UserSpending>| {
        rows.into_iter().for_each(|row| *spent.entry(row.user_id).or_default() += row.tokens);
    };
    add(kept.into_model().all(app.db.read()).await?);
    for day in open_days(&period, stored.iter().map(String::as_str)) {
        let mut rows = count_users(day);
        if let Some(ids) = user_ids {
            rows = rows.filter(Column::UserId.is_in(ids.iter().copied()));
        }
        add(rows.into_model().all(app.db.read()).await?);
    }
    Ok(spent)
}

/// Returns the time of the last message of these users, or of all users; users without chats are omitted. The caller
/// has checked that the viewer may see it.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn last_active(app: &App, user_ids: Option<&[UserId]>) -> Result<HashMap<UserId, DateTime<Utc>>, Error> {
    let mut users = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .expr_as(Expr::SubQuery(None, Box::new(last_chat().into())), "last_active_at");
    if let Some(ids) = user_ids {
        users = users.filter(user::Column::Id.is_in(ids.iter().copied()));
    }
    let found: Vec<(UserId, Option<DateTime<Utc>>)> = users.into_tuple().all(app.db.read()).await?;
    Ok(found.into_iter().filter_map(|(id, at)| Some((id, at?))).collect())
}

/// Returns the query of the time of a user's newest chat: one look into an index for each user, however many chats.
fn last_chat() -> SelectStatement {
    let own = Expr::col((chat::Entity, Column::UserId)).equals((user::Entity, user::Column::Id));
    Query::select()
        .column((chat::Entity, Column::CreatedAt))
        .from(chat::Entity)
        .and_where(own)
        .order_by((chat::Entity, Column::Id), sea_orm::Order::Desc)
        .limit(1)
        .take()
}
